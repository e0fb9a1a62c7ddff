"""Facts that many people know (level 1) and some know (level 5)."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import alternatives, say

_WORDINGS = (
    "{q}",
    "Quick question: {q}",
    "General knowledge: {q}",
    "Do you know this? {q}",
    "{q} Please keep it short.",
    "For a quiz: {q}",
)
# (level, question, accepted answers)
_FACTS: tuple[tuple[int, str, str], ...] = (
    (1, "What is the capital of France?", "Paris"), (1, "What is the capital of Italy?", "Rome"),
    (1, "What is the capital of Japan?", "Tokyo"), (1, "How many days has a week?", "7|seven"),
    (1, "What colour do blue and yellow make together?", "green"), (1, "Which animal is called the king of the jungle?", "lion"),
    (1, "Which ocean is the largest?", "Pacific|Pacific Ocean"), (1, "In which country are the pyramids of Giza?", "Egypt"),
    (1, "What is the opposite of hot?", "cold"), (1, "Which month comes after March?", "April"),
    (1, "What is the capital of Spain?", "Madrid"), (1, "How many months has a year?", "12|twelve"),
    (1, "Which language is spoken in Brazil?", "Portuguese"), (1, "What is the capital of Germany?", "Berlin"),
    (1, "Who wrote Romeo and Juliet?", "Shakespeare|William Shakespeare"), (1, "In which city is the Eiffel Tower?", "Paris"),
    (2, "What is the capital of Canada?", "Ottawa"), (2, "What is the capital of Egypt?", "Cairo"),
    (2, "Who painted the Mona Lisa?", "Leonardo da Vinci|da Vinci|Leonardo"), (2, "Which is the highest mountain on Earth?", "Mount Everest|Everest"),
    (2, "On which continent is Kenya?", "Africa"), (2, "What currency is used in Japan?", "yen"),
    (2, "How many sides has a hexagon?", "6|six"), (2, "What is the capital of Russia?", "Moscow"),
    (2, "In which year did World War II end?", "1945"), (2, "What is the square root of 81?", "9|nine"),
    (2, "Which planet is famous for its rings?", "Saturn"), (2, "What is the capital of Greece?", "Athens"),
    (2, "Who wrote Harry Potter?", "Rowling|J. K. Rowling|J.K. Rowling"), (2, "What is the capital of Australia?", "Canberra"),
    (2, "Which country has the city of Toronto?", "Canada"), (2, "Who was the first president of the United States?", "Washington|George Washington"),
    (3, "What is the capital of Turkey?", "Ankara"), (3, "What is the capital of Switzerland?", "Bern|Berne"),
    (3, "Who developed the theory of evolution by natural selection?", "Darwin|Charles Darwin"), (3, "Which river flows through London?", "Thames|River Thames"),
    (3, "In which year did the Titanic sink?", "1912"), (3, "Who was the first person on the Moon?", "Neil Armstrong|Armstrong"),
    (3, "What is the chemical symbol of gold?", "Au"), (3, "How many strings has a standard violin?", "4|four"),
    (3, "What is the capital of Norway?", "Oslo"), (3, "Which country gave the Statue of Liberty to the USA?", "France"),
    (3, "What is the largest desert of sand-and-rock type, the hot one in North Africa, called?", "Sahara|Sahara Desert"),
    (3, "In which year did the Berlin Wall fall?", "1989"), (3, "What is the longest bone of the human body?", "femur|thigh bone|thighbone"),
    (3, "Which composer wrote nine symphonies and became deaf?", "Beethoven|Ludwig van Beethoven"), (3, "What is the capital of Argentina?", "Buenos Aires"),
    (3, "How many players of one team are on a football (soccer) field?", "11|eleven"),
    (4, "What is the capital of New Zealand?", "Wellington"), (4, "What is the capital of Vietnam?", "Hanoi|Ha Noi"),
    (4, "Who wrote 'Don Quixote'?", "Cervantes|Miguel de Cervantes"), (4, "Which element has the atomic number 26?", "iron|Fe"),
    (4, "In which year did Columbus first reach the Americas?", "1492"), (4, "Which sea lies between Italy and Croatia?", "Adriatic|Adriatic Sea"),
    (4, "Who painted 'The Starry Night'?", "van Gogh|Vincent van Gogh"), (4, "What is the currency of Poland?", "zloty|złoty|Polish zloty"),
    (4, "What is the capital of Kenya?", "Nairobi"), (4, "Which is the smallest country in the world by area?", "Vatican City|Vatican|the Holy See"),
    (4, "How many bones has an adult human?", "206"), (4, "Who discovered penicillin?", "Fleming|Alexander Fleming"),
    (4, "What is the largest lake in Africa by area?", "Lake Victoria|Victoria"), (4, "Which language has the most native speakers?", "Mandarin|Mandarin Chinese|Chinese"),
    (4, "Who composed 'The Four Seasons'?", "Vivaldi|Antonio Vivaldi"), (4, "In which city are the headquarters of the United Nations?", "New York|New York City"),
    (5, "What is the capital of Kazakhstan?", "Astana|Nur-Sultan"), (5, "What is the capital of Mongolia?", "Ulaanbaatar|Ulan Bator"),
    (5, "Who wrote 'One Hundred Years of Solitude'?", "García Márquez|Garcia Marquez|Gabriel García Márquez|Gabriel Garcia Marquez"),
    (5, "In which year was Magna Carta sealed?", "1215"), (5, "Which element has the symbol W?", "tungsten|wolfram"),
    (5, "What is the capital of Slovenia?", "Ljubljana"), (5, "Which strait separates Spain from Morocco?", "Gibraltar|Strait of Gibraltar"),
    (5, "Who painted 'Guernica'?", "Picasso|Pablo Picasso"), (5, "What is the deepest lake in the world?", "Baikal|Lake Baikal"),
    (5, "In which year did the French Revolution begin?", "1789"), (5, "What is the capital of Burkina Faso?", "Ouagadougou"),
    (5, "Who wrote 'The Master and Margarita'?", "Bulgakov|Mikhail Bulgakov"), (5, "Which city was called Constantinople?", "Istanbul"),
    (5, "What is the currency of Thailand?", "baht|Thai baht"), (5, "Which mathematician proved Fermat's Last Theorem?", "Wiles|Andrew Wiles"),
    (5, "Which composer wrote 'The Rite of Spring'?", "Stravinsky|Igor Stravinsky"),
)  # fmt: skip


def draw(rng: Random, level: int) -> Draft:
    """Draw a fact; each is asked once."""
    _, question, answers = rng.choice([row for row in _FACTS if row[0] == level])
    return Draft(
        say(rng, _WORDINGS, q=question), alternatives(*answers.split("|")), "exact_normalised", question
    )
