"""Words and short phrases from English into Spanish, French, German and Italian."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import alternatives, say

_WORDINGS = (
    "Translate into {l}: {t}",
    'How do you say "{t}" in {l}?',
    "What is '{t}' in {l}?",
    'Give the {l} for "{t}".',
    "{t} - in {l}, please.",
    'I am learning {l}. What is "{t}" called?',
)
_LANGUAGES = ("Spanish", "French", "German", "Italian")
# (level, English, Spanish, French, German, Italian), alternatives separated by |
_PHRASES: tuple[tuple[int, str, str, str, str, str], ...] = (
    (1, "hello", "hola", "bonjour|salut", "hallo|guten Tag", "ciao|salve|buongiorno"),
    (1, "thank you", "gracias", "merci", "danke|danke schön|vielen Dank", "grazie"),
    (1, "cat", "gato|el gato|gata", "chat|le chat|chatte", "Katze|die Katze", "gatto|il gatto"),
    (1, "water", "agua|el agua", "eau|l'eau|de l'eau", "Wasser|das Wasser", "acqua|l'acqua"),
    (1, "yes", "sí|si", "oui", "ja", "sì|si"),
    (1, "house", "casa|la casa", "maison|la maison", "Haus|das Haus", "casa|la casa"),
    (2, "good morning", "buenos días|buen día", "bonjour", "guten Morgen", "buongiorno|buon giorno"),
    (2, "goodbye", "adiós|hasta luego", "au revoir", "auf Wiedersehen|tschüss|tschüß", "arrivederci|addio|ciao"),
    (2, "red", "rojo|roja", "rouge", "rot", "rosso|rossa"),
    (2, "the book", "el libro", "le livre", "das Buch", "il libro"),
    (2, "Monday", "lunes|el lunes", "lundi", "Montag|der Montag", "lunedì|lunedi"),
    (2, "please", "por favor", "s'il vous plaît|s'il te plaît|s'il vous plait", "bitte", "per favore|per piacere|prego"),
    (3, "good night", "buenas noches", "bonne nuit", "gute Nacht", "buonanotte|buona notte"),
    (3, "the white house", "la casa blanca", "la maison blanche", "das weiße Haus|das weisse Haus", "la casa bianca"),
    (3, "I love you", "te amo|te quiero", "je t'aime|je vous aime", "ich liebe dich", "ti amo|ti voglio bene"),
    (3, "my brother", "mi hermano", "mon frère", "mein Bruder", "mio fratello|il mio fratello"),
    (3, "the door", "la puerta", "la porte", "die Tür", "la porta"),
    (3, "how much?", "cuánto|¿cuánto?|cuánto cuesta|cuanto", "combien|combien?", "wie viel|wieviel|wie viel kostet das", "quanto|quanto costa"),
    (4, "I am hungry", "tengo hambre|estoy hambriento|estoy hambrienta", "j'ai faim|je suis affamé", "ich habe Hunger|ich bin hungrig", "ho fame|sono affamato"),
    (4, "Where is the station?", "dónde está la estación|¿dónde está la estación?", "où est la gare|où se trouve la gare|où est la station", "wo ist der Bahnhof|wo ist die Station", "dov'è la stazione|dove è la stazione|dove si trova la stazione"),
    (4, "the weather is nice", "hace buen tiempo|el tiempo es bueno|el clima es agradable|el tiempo está agradable|el clima está agradable", "il fait beau|le temps est beau|le temps est agréable", "das Wetter ist schön|das Wetter ist gut", "il tempo è bello|fa bel tempo|il tempo è buono"),
    (4, "I do not understand", "no entiendo|no comprendo|yo no entiendo", "je ne comprends pas", "ich verstehe nicht|ich verstehe das nicht", "non capisco|io non capisco|non comprendo"),
    (4, "two tickets, please", "dos boletos, por favor|dos billetes, por favor|dos entradas, por favor|dos tickets, por favor", "deux billets, s'il vous plaît|deux tickets, s'il vous plaît", "zwei Karten, bitte|zwei Fahrkarten, bitte|zwei Tickets, bitte|zwei Tickets bitte", "due biglietti, per favore"),
    (4, "the old man reads", "el viejo lee|el anciano lee|el hombre viejo lee|el hombre mayor lee", "le vieil homme lit|le vieux lit|le vieillard lit", "der alte Mann liest", "il vecchio legge|l'uomo vecchio legge|l'anziano legge|il vecchio uomo legge|l'uomo anziano legge"),
    (5, "I have been waiting for an hour", "llevo una hora esperando|he estado esperando una hora|he estado esperando por una hora|he estado esperando durante una hora|hace una hora que espero", "j'attends depuis une heure|ça fait une heure que j'attends", "ich warte seit einer Stunde|ich warte schon seit einer Stunde|ich habe eine Stunde gewartet", "aspetto da un'ora|sto aspettando da un'ora|ho aspettato un'ora"),
    (5, "she would like a glass of wine", "ella quisiera una copa de vino|le gustaría una copa de vino|a ella le gustaría una copa de vino|quisiera una copa de vino|ella quiere una copa de vino|le gustaría un vaso de vino|ella quisiera un vaso de vino", "elle aimerait un verre de vin|elle voudrait un verre de vin", "sie möchte ein Glas Wein|sie hätte gern ein Glas Wein|sie hätte gerne ein Glas Wein", "vorrebbe un bicchiere di vino|lei vorrebbe un bicchiere di vino|le piacerebbe un bicchiere di vino"),
    (5, "we arrived too late", "llegamos demasiado tarde|llegamos muy tarde|hemos llegado demasiado tarde", "nous sommes arrivés trop tard|on est arrivés trop tard|nous sommes arrivées trop tard", "wir sind zu spät angekommen|wir kamen zu spät|wir sind zu spät gekommen|wir kamen zu spät an", "siamo arrivati troppo tardi|siamo arrivate troppo tardi|noi siamo arrivati troppo tardi"),
    (5, "my sister lives in the country", "mi hermana vive en el campo|mi hermana vive en el país", "ma sœur vit à la campagne|ma sœur habite à la campagne|ma soeur vit à la campagne|ma sœur habite la campagne|ma sœur vit dans le pays", "meine Schwester wohnt auf dem Land|meine Schwester lebt auf dem Land|meine Schwester lebt im Land", "mia sorella vive in campagna|mia sorella abita in campagna|mia sorella vive nel paese"),
    (5, "the train leaves at half past seven", "el tren sale a las siete y media", "le train part à sept heures et demie|le train part à 7h30|le train part à sept heures trente", "der Zug fährt um halb acht|der Zug fährt um halb acht ab|der Zug fährt um sieben Uhr dreißig ab", "il treno parte alle sette e mezza|il treno parte alle sette e mezzo"),
    (5, "do not forget your umbrella", "no olvides tu paraguas|no te olvides el paraguas|no olvide su paraguas|no te olvides de tu paraguas", "n'oublie pas ton parapluie|n'oubliez pas votre parapluie", "vergiss deinen Regenschirm nicht|vergiss deinen Schirm nicht|vergessen Sie Ihren Regenschirm nicht|vergiss nicht deinen Regenschirm", "non dimenticare l'ombrello|non dimenticare il tuo ombrello|non dimenticate il vostro ombrello"),
)  # fmt: skip


def draw(rng: Random, level: int) -> Draft:
    """Draw a word (1, 2) or phrase (3 to 5)."""
    _, english, *foreign = rng.choice([row for row in _PHRASES if row[0] == level])
    which = rng.randrange(len(_LANGUAGES))
    language, accepted = _LANGUAGES[which], foreign[which].split("|")
    prompt = say(rng, _WORDINGS, l=language, t=english)
    return Draft(prompt, alternatives(*accepted), "translation", f"{english}/{language}")
