"""School science with four choices."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "{q} {options}",
    "Choose A, B, C or D. {q} {options}",
    "{q} Options: {options}",
    "Science quiz: {q} {options} Which letter?",
    "Pick the right letter. {q} {options}",
)
# (level, question, right, three wrong)
_QUESTIONS: tuple[tuple[int, str, str, str], ...] = (
    (1, "What do plants need to make food?", "sunlight", "sand|music|plastic"),
    (1, "Which animal lays eggs?", "hen", "cow|dog|horse"),
    (1, "What do we breathe in to live?", "oxygen", "helium|gold|smoke"),
    (1, "Which is a liquid at room temperature?", "water", "iron|wood|oxygen"),
    (1, "Which star is closest to Earth?", "the Sun", "Sirius|Polaris|Vega"),
    (1, "Which organ pumps blood?", "heart", "lung|liver|stomach"),
    (1, "What force pulls things to the ground?", "gravity", "friction|magnetism|electricity"),
    (1, "Frozen water is called ...", "ice", "steam|fog|dew"),
    (1, "How many legs has an insect?", "6", "4|8|10"),
    (1, "Which animal is a mammal?", "whale", "shark|frog|eagle"),
    (1, "Bees make ...", "honey", "milk|silk|wool"),
    (1, "Which sense uses the ears?", "hearing", "taste|smell|touch"),
    (1, "What does a thermometer measure?", "temperature", "weight|time|speed"),
    (1, "Which planet do we live on?", "Earth", "Mars|Venus|Saturn"),
    (1, "What covers a bird's body?", "feathers", "scales|fur|shell"),
    (2, "Which gas do plants take in from the air to grow?", "carbon dioxide", "oxygen|helium|argon"),
    (2, "Which planet is called the red planet?", "Mars", "Venus|Jupiter|Mercury"),
    (2, "At what Celsius temperature does water boil at sea level?", "100", "0|50|212"),
    (2, "Which part of a plant takes up water?", "root", "flower|fruit|bark"),
    (2, "What is the largest organ of the human body?", "skin", "brain|heart|eye"),
    (2, "A magnet attracts ...", "iron", "wood|glass|paper"),
    (2, "Spiders belong to the ...", "arachnids", "insects|reptiles|mammals"),
    (2, "The change from liquid to gas is called ...", "evaporation", "freezing|melting|condensation"),
    (2, "Which vitamin does sunlight help the skin make?", "vitamin D", "vitamin C|vitamin A|vitamin K"),
    (2, "What causes day and night?", "Earth's rotation", "the Moon|clouds|the seasons"),
    (2, "How many planets orbit our Sun?", "8", "7|9|12"),
    (2, "Which blood cells carry oxygen?", "red", "white|blue|green"),
    (2, "What is H2O?", "water", "salt|sugar|air"),
    (2, "An animal that eats only plants is a ...", "herbivore", "carnivore|omnivore|predator"),
    (2, "Which metal is liquid at room temperature?", "mercury", "iron|copper|lead"),
    (3, "What is the chemical symbol of sodium?", "Na", "So|S|Sd"),
    (3, "Which part of the cell holds most of its DNA?", "nucleus", "membrane|ribosome|cytoplasm"),
    (3, "Sound cannot travel through ...", "a vacuum", "water|steel|air"),
    (3, "Which gas is most common in Earth's air?", "nitrogen", "oxygen|carbon dioxide|hydrogen"),
    (3, "Which rock forms from cooled magma?", "igneous", "sedimentary|metamorphic|chalk"),
    (3, "The pH of pure water is about ...", "7", "0|5|14"),
    (3, "Which unit measures electric current?", "ampere", "volt|ohm|watt"),
    (3, "What is the powerhouse of the cell?", "mitochondrion", "nucleus|vacuole|ribosome"),
    (3, "Which planet has the most mass?", "Jupiter", "Saturn|Earth|Neptune"),
    (3, "Which colour of visible light has the longest wavelength?", "red", "blue|green|violet"),
    (3, "What does a barometer measure?", "air pressure", "humidity|wind speed|rainfall"),
    (3, "Insulin is made in the ...", "pancreas", "liver|kidney|spleen"),
    (3, "What is table salt, chemically?", "sodium chloride", "calcium carbonate|potassium nitrate|sodium hydroxide"),
    (3, "Which of these is a renewable source of energy?", "wind", "coal|gas|oil"),
    (3, "Which scientist is known for the theory of relativity?", "Einstein", "Darwin|Newton|Pasteur"),
    (4, "Which particle has no electric charge?", "neutron", "proton|electron|positron"),
    (4, "What is the atomic number of carbon?", "6", "4|8|12"),
    (4, "A car goes 60 m in 4 s. Its mean speed is ...", "15 m/s", "240 m/s|64 m/s|12 m/s"),
    (4, "Which blood vessel carries blood from the heart to the lungs?", "pulmonary artery", "pulmonary vein|aorta|vena cava"),
    (4, "Which process splits a cell into two identical cells?", "mitosis", "meiosis|osmosis|diffusion"),
    (4, "What is the SI unit of force?", "newton", "joule|pascal|watt"),
    (4, "Which element has the symbol K?", "potassium", "krypton|calcium|phosphorus"),
    (4, "Which layer of the atmosphere holds most of the ozone?", "stratosphere", "troposphere|mesosphere|thermosphere"),
    (4, "Which enzyme in saliva breaks down starch?", "amylase", "pepsin|lipase|lactase"),
    (4, "Doubling the mass at the same force makes the acceleration ...", "half", "double|the same|four times"),
    (4, "A voltage of 12 V across 4 ohm drives a current of ...", "3 A", "48 A|8 A|16 A"),
    (4, "Which bond shares electrons between atoms?", "covalent", "ionic|metallic|hydrogen"),
    (4, "In which phase does the Moon lie between Earth and Sun?", "new moon", "full moon|first quarter|last quarter"),
    (4, "Which organ filters blood into urine?", "kidney", "bladder|liver|spleen"),
    (4, "What is the main gas in the Sun?", "hydrogen", "helium|oxygen|carbon"),
    (5, "Oxidation means the loss of ...", "electrons", "protons|neutrons|mass"),
    (5, "Which base pairs with adenine in RNA?", "uracil", "thymine|guanine|cytosine"),
    (5, "A wave of 2 Hz and 3 m wavelength travels at ...", "6 m/s", "1.5 m/s|5 m/s|0.67 m/s"),
    (5, "How many moles are 36 g of water?", "2", "1|18|36"),
    (5, "A half-life of 3 days: what share is left after 9 days?", "1/8", "1/3|1/9|1/6"),
    (5, "Which quantity is a vector?", "momentum", "energy|mass|temperature"),
    (5, "The noble gas with the smallest atoms is ...", "helium", "neon|argon|radon"),
    (5, "Two heterozygous parents (Aa): which share of children is aa?", "1/4", "1/2|3/4|0"),
    (5, "Which quark content has a proton?", "up, up, down", "up, down, down|up, up, up|down, down, down"),
    (5, "Kinetic energy of 2 kg at 3 m/s?", "9 J", "6 J|18 J|12 J"),
    (5, "Which is a strong acid?", "hydrochloric acid", "acetic acid|citric acid|carbonic acid"),
    (5, "Which type of mirror can focus parallel light to a point?", "concave", "convex|plane|cylindrical convex"),
    (5, "An isotope differs in the number of ...", "neutrons", "protons|electrons|orbitals"),
    (5, "Which kind of radiation is a helium nucleus?", "alpha", "beta|gamma|X-rays"),
    (5, "In which organelle does the Calvin cycle take place?", "chloroplast", "mitochondrion|nucleus|lysosome"),
)  # fmt: skip


def draw(rng: Random, level: int) -> Draft:
    """Draw primary school (1) to final year (5) questions; the letters are dealt at random."""
    _, question, right, wrong = rng.choice([row for row in _QUESTIONS if row[0] == level])
    options = rng.sample([right, *wrong.split("|")], 4)
    shown = " ".join(f"{letter}) {text}" for letter, text in zip("ABCD", options, strict=True))
    reference = json.dumps(
        {"label": "ABCD"[options.index(right)], "labels": list("ABCD"), "meanings": options},
        ensure_ascii=False,
    )
    return Draft(say(rng, _WORDINGS, q=question, options=shown), reference, "choice", question)
