"""Units of length, mass, time, volume, area, speed, data and temperature."""

from __future__ import annotations

import math
from fractions import Fraction

from langchain_core.tools import ToolException, tool

# Each unit in terms of the first of its row. Inch, pound, US gallon and acre are exact by definition (NIST SP 811,
# Guide for the Use of the International System of Units, 2008, appendix B).
KINDS = {
    "length": "m=1 km=1000 dm=0.1 cm=0.01 mm=0.001 um=1e-6 in=0.0254 ft=0.3048 yd=0.9144 mi=1609.344 nmi=1852",
    "mass": "kg=1 g=0.001 mg=1e-6 t=1000 lb=0.45359237 oz=0.028349523125 st=6.35029318",
    "time": "s=1 ms=0.001 min=60 h=3600 d=86400 week=604800",
    "volume": "l=1 ml=0.001 cl=0.01 dl=0.1 m3=1000 cm3=0.001 gal=3.785411784 qt=0.946352946 pt=0.473176473 "
    "cup=0.2365882365 floz=0.0295735295625",
    "area": "m2=1 km2=1e6 cm2=1e-4 ha=1e4 ft2=0.09290304 acre=4046.8564224 mi2=2589988.110336",
    "speed": "m/s=1 km/h=10/36 mph=0.44704 kn=1852/3600 ft/s=0.3048",
    "data": "byte=1 bit=1/8 kb=1e3 mb=1e6 gb=1e9 tb=1e12 kib=1024 mib=1048576 gib=1073741824 tib=1099511627776",
}
# kelvin = (value + offset) * factor
TEMPERATURES = {"k": ("0", "1"), "c": ("273.15", "1"), "f": ("459.67", "5/9")}
LONG_NAMES = (
    "metre=m meter=m kilometre=km kilometer=km centimetre=cm centimeter=cm millimetre=mm millimeter=mm inch=in inche=in "
    "foot=ft feet=ft yard=yd mile=mi kilogram=kg gram=g milligram=mg tonne=t pound=lb ounce=oz stone=st second=s sec=s "
    "minute=min hour=h hr=h day=d litre=l liter=l millilitre=ml milliliter=ml gallon=gal hectare=ha knot=kn kmh=km/h "
    "b=byte celsius=c fahrenheit=f kelvin=k °c=c °f=f"
)


@tool
def unit_conversion(value: float, from_unit: str, to_unit: str) -> str:
    """Convert a value from one unit to another: "km" to "mi", "lb" to "kg", "C" to "F", "h" to "min", "GB" to "GiB".

    US customary measures for volume; kb, mb and gb are powers of 1000, kib, mib and gib of 1024.
    """
    if not math.isfinite(value):
        raise ToolException(f"{value} cannot be converted; give a finite number")
    kinds = {kind: _pairs(row) for kind, row in KINDS.items()}
    known = {unit for units in kinds.values() for unit in units} | TEMPERATURES.keys()
    source, target = _unit(from_unit, known), _unit(to_unit, known)
    exact = Fraction(repr(float(value)))
    if source in TEMPERATURES and target in TEMPERATURES:
        (plus, up), (minus, down) = (map(Fraction, TEMPERATURES[unit]) for unit in (source, target))
        return f"{float((exact + plus) * up / down - minus):.12g} {to_unit}"
    for units in kinds.values():
        if source in units and target in units:
            return f"{float(exact * Fraction(units[source]) / Fraction(units[target])):.12g} {to_unit}"
    raise ToolException(f"{from_unit} and {to_unit} do not measure the same thing")


def _pairs(row: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (word.partition("=") for word in row.split())}


def _unit(text: str, known: set[str]) -> str:
    """Return the short form of a unit; case and a plural s do not matter."""
    long_names = _pairs(LONG_NAMES)
    plain = text.strip().lower().replace("²", "2").replace("³", "3").replace("µ", "u")
    for name in (plain, plain.removesuffix("s")):
        if (short := long_names.get(name, name)) in known:
            return short
    raise ToolException(f"unknown unit {text!r}; known are {', '.join(sorted(known))}")
