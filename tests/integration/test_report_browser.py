"""The report in a real browser, opened from disk."""

import re
from dataclasses import replace

import numpy as np
import pytest

from router_training.judgement import judge_policy
from router_training.judging.comparison import Way, compare
from router_training.judging.controls import Grid
from router_training.outcomes import OutcomeTable
from router_training.reporting.page import report_page
from router_training.twin import twin_on

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def judgement(two_kinds, two_kinds_policy, more_of_two_kinds, vector_folder):
    frame = more_of_two_kinds.take(range(300)).frame
    kinds = frame["prompt"].str.startswith("What").map({True: "sum", False: "poem"})
    table = OutcomeTable.from_frame(
        frame.assign(task_type=kinds.mask(frame["task_id"].astype("string") < "t0010", "rare"))
    )
    twin = twin_on(two_kinds_policy, two_kinds, table, seed=0, cache_dir=vector_folder)
    return judge_policy(
        two_kinds_policy, table, twin_p=twin.p_success, part="Judged.", n_boot=200, cache_dir=vector_folder
    )


@pytest.fixture(scope="module")
def report(judgement, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_page(judgement), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def open_report(browser, report):
    """Return a function that opens the page without a network; whatever the browser complains about fails the test."""
    complaints, contexts = [], []

    def opened(**options):
        contexts.append(browser.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None
        )
        page.goto(report)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def number(page, selector):
    return float(re.sub(r"[^\d.-]", "", page.locator(selector).inner_text().replace("−", "-")))


def test_the_page_finds_what_the_evaluation_found(open_report, judgement):
    page = open_report()
    evaluation = judgement.evaluation
    now = evaluation.operating.point
    page.get_by_role("button", name="default").click()
    assert number(page, "#quality") == pytest.approx(100 * now.quality, abs=0.051)
    assert number(page, "#cost") == pytest.approx(1000 * now.usd, rel=6e-3)
    assert page.evaluate("new Tasks(JSON.parse(byId('report').textContent)).lift") == pytest.approx(
        evaluation.lift.value, abs=1e-4
    )
    twin = next(point for point in evaluation.twin_curve if point.dial == now.dial)
    row = page.locator("#ways tr", has_text="labels shuffled").inner_text().split("\t")
    assert float(row[1].strip("%")) == pytest.approx(100 * twin.quality, abs=0.051)


def test_the_slider_moves_the_point_and_every_figure(open_report):
    page = open_report()
    seen = {}
    for key in ("Home", "End"):
        page.locator("#dial").press(key)
        page.wait_for_timeout(100)
        seen[key] = [
            page.locator(one).inner_text() for one in ("#dial-value", "#quality", "#cost", "#shares", "#live")
        ] + [
            page.locator("#chart .now").get_attribute("cx"),
            page.locator("#ways .ours").inner_text(),
            page.locator("#slice-tables").inner_text(),
            page.locator("#examples-note").inner_text(),
            page.locator("#dial").get_attribute("aria-valuetext"),
        ]
    assert all(cheap != right for cheap, right in zip(seen["Home"], seen["End"], strict=True))
    assert [seen["Home"][0], seen["End"][0]] == ["0.00", "1.00"]


def test_arrow_keys_turn_the_dial_by_a_hundredth(open_report):
    page = open_report()
    page.locator("#dial").press("Home")
    for _ in range(3):
        page.locator("#dial").press("ArrowRight")
    assert page.locator("#dial-value").inner_text() == "0.03"


def test_a_price_moves_the_curve_at_once_and_can_be_taken_back(open_report):
    page = open_report()
    curve, cost = page.locator("#chart .line.router"), page.locator("#cost").inner_text()
    before = curve.get_attribute("points")
    field = page.get_by_label("large, USD per million tokens written")
    original = field.input_value()
    field.fill(str(float(original) * 10))
    assert curve.get_attribute("points") != before and page.locator("#cost").inner_text() != cost
    assert "At these prices" in page.locator("#edited").inner_text()
    field.fill("-3")
    assert curve.get_attribute("points") == before, "what is no price changes nothing"
    field.fill("1000000")
    page.get_by_role("button", name="Back to the report's prices").click()
    page.wait_for_timeout(50)
    assert curve.get_attribute("points") == before and field.input_value() == original
    assert page.locator("#cost").inner_text() == cost and page.locator("#edited").inner_text() == ""


def test_costs_at_other_prices_are_those_that_the_evaluation_would_find(open_report, judgement):
    page = open_report()
    policy, table = judgement.policy, judgement.table
    cards = {
        name: replace(card, usd_per_mtok_out=3 * card.usd_per_mtok_out + 0.5, usd_per_mtok_in=1.0)
        for name, card in policy.catalogue.items()
    }
    fresh = OutcomeTable.from_frame(table.frame.drop(columns="cost_usd"))
    found = judge_policy(policy.with_catalogue(cards), fresh, n_boot=0).evaluation
    for name, card in cards.items():
        for kind, price in (("read", card.usd_per_mtok_in), ("written", card.usd_per_mtok_out)):
            page.get_by_label(f"{name}, USD per million tokens {kind}").fill(str(price))
    page.get_by_role("button", name="default").click()
    assert number(page, "#cost") == pytest.approx(1000 * found.operating.point.usd, rel=0.02)


def test_hovering_over_the_curve_tells_of_the_nearest_point(open_report):
    page = open_report()
    dot = page.locator("#chart .dot").last
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = page.locator("#chart .tip-text").text_content()
    assert "quality" in said and "per 1,000 tasks" in said
    page.mouse.move(2, 2)
    assert page.locator("#chart .tip-text").count() == 0


def test_the_cost_axis_can_be_linear(open_report):
    page = open_report()
    curve = page.locator("#chart .line.router")
    before = curve.get_attribute("points")
    page.locator("[value=linear]").check(force=True)
    assert curve.get_attribute("points") != before
    page.locator("[value=log]").check(force=True)
    assert curve.get_attribute("points") == before


def test_what_is_compared_stands_in_a_table_and_in_the_picture(judgement, browser, tmp_path):
    table, names = judgement.table, judgement.table.models
    grid = Grid(names, table.quality, table.cost_usd, table.latency_s, (None,) * len(table))
    ways = [
        Way(f"always <b>{name}</b>", table.cost_usd[:, j], table.quality[:, j])
        for j, name in enumerate(names)
    ]
    path = tmp_path / "compared.html"
    path.write_text(report_page(judgement, compare(grid, ways, n_boot=20)), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    rows = page.locator("#comparison tbody tr")
    assert rows.count() == 2 and "always <b>small</b>" in rows.nth(1).inner_text()
    assert page.locator("#chart .other").count() == 2
    page.get_by_label("large, USD per million tokens written").fill("77")
    assert page.locator("#chart .other").count() == 0, "what was compared is not priced anew"
    page.close()


def test_small_slices_are_greyed_and_not_hidden(open_report):
    page = open_report()
    thin = page.locator("#slice-tables > .scroll tr.thin")
    assert thin.count() == 1 and "rare" in thin.inner_text()
    assert page.locator("#slice-tables > .scroll tbody tr").count() == 3


def test_every_slice_stands_beside_its_mix_and_every_single_model(open_report, judgement):
    page = open_report()
    page.locator("#dial").fill(str(judgement.evaluation.operating.point.dial))
    heads = page.locator("#slice-tables table").first.locator("th[scope=col]").all_inner_texts()
    told = [part for part in judgement.evaluation.slices if part.kind == "task type"]
    mixes = page.locator(
        f"#slice-tables table >> nth=0 >> td:nth-child({heads.index('mix') + 1})"
    ).all_inner_texts()
    assert [float(text.rstrip("%")) for text in mixes] == pytest.approx(
        [100 * part.mix_quality for part in told], abs=0.1
    )
    fold = page.locator("#slice-tables details").first
    fold.locator("summary").click()
    for row, part in zip(fold.locator("tbody tr").all(), told, strict=True):
        cells = [float(text.rstrip("%")) for text in row.locator("td").all_inner_texts()[1:]]
        assert cells == pytest.approx([100 * quality for quality in part.constant_qualities], abs=0.1)
    page.locator("#dial").press("Home")
    assert page.locator("#slice-tables details").first.get_attribute("open") is not None, "stays open"


def test_examples_show_prompt_decision_and_reason(open_report, judgement):
    page = open_report()
    page.locator("#dial").press("Home")
    for kind in ("lost", "won", "wasted"):
        page.locator(f"[data-kind={kind}]").click()
        assert page.locator(f"[data-kind={kind}]").get_attribute("aria-pressed") == "true"
        for example in page.locator(".example").all():
            assert example.locator("pre").inner_text() in judgement.table.prompts
            assert "Asked" in example.inner_text() and "worth" in example.inner_text()
        if kind == "lost":
            assert page.locator(".example").count() == 3
            page.locator("[data-kind=more]").click()
            assert page.locator(".example").count() == 8


def test_the_keyboard_reaches_everything_in_order(open_report):
    page = open_report()
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
            )
        )
    assert reached[:3] == ["A", "axis", "dial"] and reached[-1] == "INPUT"


def test_everything_that_can_be_used_has_a_name(open_report):
    page = open_report()
    tree = page.locator("body").aria_snapshot()
    assert 'slider "Dial"' in tree and 'img "Quality against cost' in tree
    assert not re.search(r"- (button|textbox|spinbutton|radio|slider|img)\s*($|:)", tree, re.MULTILINE)
    assert "status" in tree and '- heading "What was not measured"' in tree


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_runs_off_the_side(open_report, width):
    page = open_report(viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_follows_the_scheme_of_the_system_and_prints_on_white(open_report):
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = (open_report(color_scheme=scheme) for scheme in ("light", "dark"))
    assert light.evaluate(ground) == "rgb(246, 247, 249)" and dark.evaluate(ground) == "rgb(15, 18, 22)"
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.evaluate(ground) == "rgb(255, 255, 255)"
    assert dark.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_no_figure_is_missing_where_little_is_known(
    two_kinds_policy, vector_folder, browser, tmp_path, more_of_two_kinds
):
    frame = more_of_two_kinds.take([0, 1, 2]).frame.drop(
        columns=["latency_s", "response", "prompt_tokens", "completion_tokens"]
    )
    few = judge_policy(two_kinds_policy, OutcomeTable.from_frame(frame), n_boot=20, cache_dir=vector_folder)
    path = tmp_path / "few.html"
    path.write_text(report_page(few), encoding="utf-8")
    page, complaints = browser.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    for key in ("Home", "End"):
        page.locator("#dial").press(key)
    page.get_by_label("large, USD per million tokens written").fill("0")
    assert complaints == [] and "NaN" not in page.locator("body").inner_text()
    assert np.isfinite(number(page, "#quality"))
    page.close()
