"""The page in a real browser (Debian: apt-get install chromium; the package playwright drives it)."""

from dataclasses import replace

import openai
import pytest

from orchestrator.gateway.access import KeyGate
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.app import create_app
from orchestrator.gateway.keys import Allowance, Keys
from orchestrator.gateway.live import Live, live_routes
from orchestrator.gateway.page import page_routes
from orchestrator.gateway.start import about
from tests.faults.fault_server import FaultServer
from tests.gateway.serving import service_over, serving

pytestmark = pytest.mark.integration

ATTACK = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"


@pytest.fixture(scope="module")
def upstream():
    one = FaultServer().start()
    yield one
    one.stop()


@pytest.fixture
def service(two_kinds_policy, upstream):
    cards = {name: replace(card, base_url=upstream.url) for name, card in two_kinds_policy.catalogue.items()}
    return service_over(cards, policy=two_kinds_policy.with_catalogue(cards))


@pytest.fixture
def gateway(service, request):
    """Serve the gateway with its page; yield its address. Parametrize it with what of prompts is kept."""
    live = Live(privacy=getattr(request, "param", "full"))
    service.watchers.append(live)
    health = service.router.health
    app = create_app(service, live_routes(live, lambda: about(service, health)), page_routes())
    with serving(app) as url:
        yield url


@pytest.fixture
def open_page(browser, gateway):
    """Return a function that opens the page; whatever the browser complains about fails the test."""
    complaints, contexts = [], []

    def opened(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(gateway)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [said for said in complaints if "401" not in said] == []


def ask(gateway, prompt, key="none"):
    with openai.OpenAI(base_url=f"{gateway}/v1", api_key=key, max_retries=0) as client:
        return client.chat.completions.create(model="auto", messages=[{"role": "user", "content": prompt}])


def test_a_request_appears_with_what_it_cost_and_saved(open_page, gateway):
    page = open_page()
    answer = ask(gateway, "What is 17 plus 25?")
    row = page.locator("#requests tbody tr")
    row.first.wait_for()
    assert row.count() == 1 and "What is 17 plus 25?" in row.inner_text() and answer.model in row.inner_text()
    assert page.locator("#n").inner_text() == "1"
    for name, key in (("usd", "usd"), ("saved", "saved_usd")):
        shown = page.locator(f"#{name}").inner_text().replace("$", "").replace("−", "-")
        assert float(shown) == pytest.approx(answer.pointsman[key], rel=6e-3)
    assert page.locator("#state").inner_text() == "live"
    assert "test" in page.locator("#champion").inner_text()
    assert page.locator("#models tbody tr").first.inner_text().startswith(answer.model)


def test_what_a_prompt_says_is_never_run(open_page, gateway):
    page = open_page()
    ask(gateway, ATTACK)
    shown = page.locator("#requests .prompt")
    shown.first.wait_for()
    assert shown.first.inner_text() == ATTACK
    page.locator("#prompt").fill(ATTACK)
    page.get_by_role("button", name="Forecast").click()
    page.locator("#forecasts tbody tr").first.wait_for()
    assert page.title() == "Pointsman" and page.locator("img").count() == 0


def test_inline_script_that_is_not_the_pages_own_is_stopped_by_the_policy(open_page, browser, gateway):
    context = browser.new_context()
    page = context.new_page()
    page.goto(gateway)
    page.evaluate(
        """() => { const made = document.createElement("script"); made.textContent = "document.title = 'owned'";
                   document.body.append(made); }"""
    )
    assert page.title() == "Pointsman"
    context.close()


def test_the_choice_moves_with_the_dial(open_page):
    page = open_page()
    page.locator("#prompt").fill("Write poem number 12 about rain in 300 words.")
    page.get_by_role("button", name="Forecast").click()
    chosen = page.locator("#forecasts tr.chosen th")
    chosen.wait_for()
    found = set()
    for key in ("Home", "End"):
        page.locator("#dial").press(key)
        value = {"Home": "0.00", "End": "1.00"}[key]
        assert page.locator("#dial-value").inner_text() == value
        page.wait_for_timeout(600)
        found.add(chosen.inner_text().split()[0])
    assert found == {"small", "large"}


def test_the_keyboard_reaches_everything_in_order(open_page):
    page = open_page()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()")
        )
    assert reached == ["Skip to the figures", "prompt", "dial", "Forecast"]


def test_a_gateway_with_keys_shows_nothing_before_a_key_is_given(service, tmp_path, browser):
    accounts = Accounts(tmp_path / "keys.db")
    alice, boss = (Keys(accounts).add(name, Allowance(operator=name == "boss")) for name in ("alice", "boss"))
    service.gate, live = KeyGate(accounts), Live()
    service.watchers.append(live)
    app = create_app(service, live_routes(live, lambda: about(service, service.router.health)), page_routes())
    with serving(app) as url:
        ask(url, "A question of the boss", boss)
        ask(url, "A question of Alice", alice)
        page = browser.new_context().new_page()
        page.goto(url)
        page.locator("#locked").wait_for()
        assert page.locator("#n").inner_text() == "–" and page.locator("#requests tbody tr").count() == 0
        for secret, sees in (("pm-wrong", 0), (alice, 1), (boss, 2)):
            page.reload()
            page.evaluate("sessionStorage.clear()")
            page.reload()
            page.locator("#key").fill(secret)
            page.get_by_role("button", name="Open").click()
            page.wait_for_timeout(800)
            assert page.locator("#requests tbody tr").count() == sees
            assert page.locator("#locked").is_visible() == (sees == 0)
            assert ("A question of the boss" in page.content()) == (sees == 2)
            assert secret not in page.content()
        page.context.close()


@pytest.mark.parametrize("gateway", ["none"], indirect=True)
def test_prompts_that_are_not_kept_are_not_shown(open_page, gateway):
    ask(gateway, "What is 17 plus 25?")
    page = open_page()
    page.locator("#requests tbody tr").first.wait_for()
    assert "17 plus 25" not in page.locator("#requests").inner_text()
    assert "Prompts are not kept" in page.locator("#requests-note").inner_text()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_runs_off_the_side(open_page, gateway, width):
    ask(gateway, "supercalifragilistic" * 20)
    page = open_page(viewport={"width": width, "height": 800})
    page.locator("#requests tbody tr").first.wait_for()
    page.get_by_role("button", name="Forecast").click()
    page.locator("#forecasts tbody tr").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_follows_the_scheme_of_the_system(open_page):
    ground = "getComputedStyle(document.body).backgroundColor"
    found = [open_page(color_scheme=scheme).evaluate(ground) for scheme in ("light", "dark")]
    assert found == ["rgb(246, 247, 249)", "rgb(16, 19, 23)"]
