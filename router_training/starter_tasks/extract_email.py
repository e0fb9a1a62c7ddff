"""Find the e-mail address, or addresses, in a note."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import NAMES, SURNAMES, say

_WORDINGS = (
    "Extract the e-mail address: {t}",
    "Which e-mail address appears here? {t}",
    "{t}\nGive me only the e-mail address from that note.",
    "Find the email in this text: {t}",
    "Text: {t}\nEmail address?",
    "Copy the e-mail address out of this message: {t}",
)
_MANY = (
    "List every e-mail address, separated by commas: {t}",
    "Extract all e-mail addresses from this text: {t}",
    "{t}\nWhich e-mail addresses are mentioned?",
    "Find all emails in: {t}",
    "Pull out each email address: {t}",
)
_SELECTED = (
    "{t}\nWhich e-mail address should {who} be written to at?",
    "What is {who}'s e-mail address? {t}",
    "{t} Give the e-mail of {who} only.",
    "From this note, find the e-mail address of {who}: {t}",
    "{t}\n{who}'s email?",
)
_HOSTS = [
    "example.com",
    "example.org",
    "mail.example.net",
    "shop.example.com",
    "uni.example.edu",
    "post.example.co.uk",
]


def _address(rng: Random, name: str, level: int) -> str:
    surname = rng.choice(SURNAMES)
    forms = [
        f"{name}@", f"{name}.{surname}@", f"{name[0]}.{surname}@", f"{surname}{rng.randint(1, 99)}@",
        f"{name}_{surname}+{rng.choice(['news', 'work', 'shop'])}@",
    ]  # fmt: skip
    return (rng.choice(forms[: level + 1]) + rng.choice(_HOSTS)).lower()


def draw(rng: Random, level: int) -> Draft:
    """Draw one address in plain text (1, 2), one of two people's (3), or several (4, 5)."""
    people = rng.sample(NAMES, 3)
    emails = [_address(rng, name, level) for name in people]
    a, b, c = people
    if level <= 2:
        notes = [
            f"Hi, this is {a}, write to {emails[0]} before Friday.",
            f"For orders over {rng.randint(2, 90)} items contact {emails[0]} or call 555-01{rng.randint(10, 99)}.",
            f"{a} (room {rng.randint(100, 400)}) can be reached at {emails[0]}.",
            f"Send the signed form to {emails[0]}, thanks, {a}",
        ]
        return Draft(say(rng, _WORDINGS, t=rng.choice(notes)), json.dumps(emails[:1]), "email_set", emails[0])
    if level == 3:
        notes = [
            f"{a} uses {emails[0]}, while {b} reads {emails[1]}.",
            f"Contacts: {a} <{emails[0]}>, {b} <{emails[1]}>.",
            f"Please copy {b} ({emails[1]}) but address the letter to {a} ({emails[0]}).",
        ]
        who = rng.choice([0, 1])
        prompt = say(rng, _SELECTED, t=rng.choice(notes), who=people[who])
        return Draft(prompt, json.dumps([emails[who]]), "email_set", emails[who])
    notes = [
        f"Write to {emails[0]} or {emails[1]}; the handle @{c.lower()} is no address.",
        f"From: {emails[0]} To: {emails[1]} Cc: {emails[2]}",
        f"{a} moved from {emails[0]} to {emails[1]}; {c} stays at {emails[2]}, not on @{b.lower()}.",
    ]
    note = notes[0] if level == 4 else rng.choice(notes[1:])
    found = [email for email in emails if email in note]
    return Draft(say(rng, _MANY, t=note), json.dumps(found), "email_set", ",".join(found))
