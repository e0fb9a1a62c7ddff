"""Small Python functions judged by tests."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "Write a Python function {f} that {what}.",
    "In Python, define {f}: it {what}.",
    "I need a Python function {f}. It {what}. Code only, please.",
    "Implement {f} in Python so that it {what}.",
    "Python: {f} {what}. Write it.",
)
# (level, signature, what it does, tests)
_FUNCTIONS: tuple[tuple[int, str, str, tuple[str, ...]], ...] = (
    (1, "add(a, b)", "returns the sum of a and b", ("add(2, 3) == 5", "add(-1, 1) == 0")),
    (1, "is_even(n)", "returns True if n is even, else False", ("is_even(4) is True", "is_even(7) is False")),
    (1, "square(n)", "returns the square of n", ("square(5) == 25", "square(-3) == 9")),
    (1, "last(items)", "returns the last item of a list", ("last([1, 2, 3]) == 3", "last(['a']) == 'a'")),
    (1, "shout(text)", "returns the text in upper case", ("shout('abc') == 'ABC'", "shout('') == ''")),
    (1, "double_all(xs)", "returns a list with every number doubled", ("double_all([1, 4]) == [2, 8]", "double_all([]) == []")),
    (1, "largest(xs)", "returns the largest number of a list", ("largest([3, 9, 2]) == 9", "largest([-5, -2]) == -2")),
    (1, "reverse(text)", "returns the string reversed", ("reverse('abc') == 'cba'", "reverse('') == ''")),
    (1, "greet(name)", "returns 'Hello, ' followed by the name", ("greet('Ann') == 'Hello, Ann'", "greet('') == 'Hello, '")),
    (1, "absolute(n)", "returns the absolute value of n", ("absolute(-4) == 4", "absolute(3) == 3")),
    (1, "to_minutes(hours)", "returns the hours in minutes", ("to_minutes(2) == 120", "to_minutes(0) == 0")),
    (1, "first_letter(word)", "returns the first letter of a word", ("first_letter('tea') == 't'", "first_letter('Ox') == 'O'")),
    (2, "factorial(n)", "returns n factorial", ("factorial(5) == 120", "factorial(0) == 1")),
    (2, "count_vowels(text)", "counts the vowels a, e, i, o, u in lower-case text", ("count_vowels('banana') == 3", "count_vowels('xyz') == 0")),
    (2, "is_palindrome(s)", "tells whether s reads the same backwards", ("is_palindrome('level') is True", "is_palindrome('ab') is False")),
    (2, "mean(xs)", "returns the arithmetic mean of a non-empty list", ("mean([1, 2, 3]) == 2", "mean([4]) == 4")),
    (2, "count_words(text)", "returns the number of words in a text", ("count_words('a b  c') == 3", "count_words('') == 0")),
    (2, "positives(xs)", "returns the numbers greater than zero, in order", ("positives([-1, 2, 0, 3]) == [2, 3]", "positives([]) == []")),
    (2, "fahrenheit(c)", "converts degrees Celsius to Fahrenheit", ("fahrenheit(100) == 212", "fahrenheit(0) == 32")),
    (2, "sum_digits(n)", "returns the sum of the digits of a non-negative integer", ("sum_digits(345) == 12", "sum_digits(0) == 0")),
    (2, "longest(words)", "returns the longest word of a list", ("longest(['a', 'ccc', 'bb']) == 'ccc'", "longest(['x']) == 'x'")),
    (2, "without_vowels(s)", "returns s without the letters a, e, i, o, u", ("without_vowels('house') == 'hs'", "without_vowels('') == ''")),
    (2, "clamp(x, low, high)", "limits x to the range from low to high", ("clamp(5, 1, 3) == 3", "clamp(0, 1, 3) == 1", "clamp(2, 1, 3) == 2")),
    (2, "evens(n)", "returns the list of even numbers from 0 up to and including n", ("evens(6) == [0, 2, 4, 6]", "evens(1) == [0]")),
    (3, "fibonacci(n)", "returns the n-th Fibonacci number, with fibonacci(0) = 0 and fibonacci(1) = 1", ("fibonacci(10) == 55", "fibonacci(0) == 0", "fibonacci(1) == 1")),
    (3, "is_prime(n)", "tells whether n is a prime number", ("is_prime(13) is True", "is_prime(1) is False", "is_prime(9) is False")),
    (3, "unique(xs)", "returns the items without duplicates, in the order of first appearance", ("unique([3, 1, 3, 2, 1]) == [3, 1, 2]", "unique([]) == []")),
    (3, "gcd(a, b)", "returns the greatest common divisor without importing anything", ("gcd(12, 18) == 6", "gcd(7, 5) == 1")),
    (3, "word_counts(text)", "returns a dict from each word to how often it occurs", ("word_counts('a b a') == {'a': 2, 'b': 1}", "word_counts('') == {}")),
    (3, "flatten(rows)", "turns a list of lists into one list", ("flatten([[1], [2, 3], []]) == [1, 2, 3]", "flatten([]) == []")),
    (3, "fizz(n)", "returns 'Fizz' for multiples of 3, 'Buzz' of 5, 'FizzBuzz' of both, otherwise the number as a string", ("fizz(9) == 'Fizz'", "fizz(10) == 'Buzz'", "fizz(30) == 'FizzBuzz'", "fizz(7) == '7'")),
    (3, "second_largest(xs)", "returns the second largest distinct number of a list", ("second_largest([1, 5, 5, 3]) == 3", "second_largest([2, 1]) == 1")),
    (3, "title_case(text)", "makes the first letter of every word a capital and leaves the rest as it is", ("title_case('big red dog') == 'Big Red Dog'", "title_case('a') == 'A'")),
    (3, "common(a, b)", "returns the sorted list of items that are in both lists, each once", ("common([3, 1, 2, 3], [3, 2]) == [2, 3]", "common([1], [2]) == []")),
    (3, "is_leap(year)", "tells whether a year is a leap year in the Gregorian calendar", ("is_leap(2024) is True", "is_leap(1900) is False", "is_leap(2000) is True")),
    (3, "to_binary(n)", "returns the binary digits of a non-negative integer as a string without prefix", ("to_binary(5) == '101'", "to_binary(0) == '0'")),
    (4, "chunks(xs, n)", "splits a list into lists of n items, the last may be shorter", ("chunks([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]", "chunks([], 3) == []")),
    (4, "caesar(text, k)", "shifts lower-case letters by k places in the alphabet, wrapping round, and keeps other characters", ("caesar('abz', 1) == 'bca'", "caesar('a b', 3) == 'd e'")),
    (4, "anagrams(a, b)", "tells whether two strings are anagrams, ignoring case and spaces", ("anagrams('Dirty room', 'dormitory') is True", "anagrams('ab', 'abb') is False")),
    (4, "rotate(xs, k)", "moves the items of a list k places to the right, wrapping round; k may exceed the length", ("rotate([1, 2, 3], 1) == [3, 1, 2]", "rotate([1, 2, 3], 4) == [3, 1, 2]", "rotate([], 2) == []")),
    (4, "transpose(m)", "transposes a matrix given as a list of rows", ("transpose([[1, 2], [3, 4], [5, 6]]) == [[1, 3, 5], [2, 4, 6]]", "transpose([[7]]) == [[7]]")),
    (4, "group_by_length(words)", "returns a dict from word length to the list of words of that length", ("group_by_length(['a', 'bb', 'c']) == {1: ['a', 'c'], 2: ['bb']}", "group_by_length([]) == {}")),
    (4, "compress(s)", "writes runs of equal characters as the character and its count, so 'aab' gives 'a2b1'", ("compress('aab') == 'a2b1'", "compress('') == ''", "compress('cccc') == 'c4'")),
    (4, "balanced(s)", "tells whether the round brackets in s are balanced", ("balanced('(a(b))') is True", "balanced(')(') is False", "balanced('(()') is False")),
    (4, "merge_sorted(a, b)", "merges two sorted lists into one sorted list", ("merge_sorted([1, 4], [2, 3, 5]) == [1, 2, 3, 4, 5]", "merge_sorted([], [1]) == [1]")),
    (4, "median(xs)", "returns the median of a non-empty list of numbers", ("median([3, 1, 2]) == 2", "median([4, 1, 3, 2]) == 2.5")),
    (4, "most_common(xs)", "returns the most frequent item; of equally frequent ones the one that appears first", ("most_common([1, 2, 2, 3]) == 2", "most_common(['b', 'a', 'a', 'b']) == 'b'")),
    (4, "running_sum(xs)", "returns the list of partial sums", ("running_sum([1, 2, 3]) == [1, 3, 6]", "running_sum([]) == []")),
    (5, "to_roman(n)", "converts an integer from 1 to 3999 to Roman numerals", ("to_roman(1994) == 'MCMXCIV'", "to_roman(4) == 'IV'", "to_roman(3000) == 'MMM'")),
    (5, "from_roman(s)", "converts a Roman numeral to an integer", ("from_roman('MCMXCIV') == 1994", "from_roman('IX') == 9")),
    (5, "prime_factors(n)", "returns the prime factors of n in ascending order, with repetition", ("prime_factors(60) == [2, 2, 3, 5]", "prime_factors(13) == [13]", "prime_factors(1) == []")),
    (5, "deep_flatten(x)", "flattens a list nested to any depth", ("deep_flatten([1, [2, [3, [4]]], 5]) == [1, 2, 3, 4, 5]", "deep_flatten([]) == []")),
    (5, "merge_intervals(xs)", "merges overlapping or touching [start, end] lists and returns them sorted", ("merge_intervals([[5, 8], [1, 3], [2, 4]]) == [[1, 4], [5, 8]]", "merge_intervals([[1, 2], [2, 3]]) == [[1, 3]]")),
    (5, "longest_run(xs)", "returns the length of the longest run of equal neighbouring items", ("longest_run([1, 1, 2, 2, 2, 1]) == 3", "longest_run([]) == 0")),
    (5, "spiral(m)", "returns the items of a matrix in clockwise spiral order from the top left", ("spiral([[1, 2, 3], [4, 5, 6], [7, 8, 9]]) == [1, 2, 3, 6, 9, 8, 7, 4, 5]", "spiral([[1, 2]]) == [1, 2]")),
    (5, "evaluate_rpn(tokens)", "evaluates a list of strings in reverse Polish notation with + - * on integers", ("evaluate_rpn(['2', '3', '+', '4', '*']) == 20", "evaluate_rpn(['5', '7', '-']) == -2")),
    (5, "permutations(xs)", "returns all orderings of a list as lists, sorted, without importing anything", ("permutations([2, 1]) == [[1, 2], [2, 1]]", "len(permutations([1, 2, 3])) == 6")),
    (5, "longest_common_prefix(words)", "returns the longest common prefix of a list of strings, '' for none", ("longest_common_prefix(['flow', 'flower', 'flight']) == 'fl'", "longest_common_prefix([]) == ''")),
    (5, "change(amount, coins)", "returns the least number of coins that make up amount, or -1 if impossible", ("change(11, [1, 5, 6]) == 2", "change(3, [2]) == -1", "change(0, [5]) == 0")),
    (5, "edit_distance(a, b)", "returns the Levenshtein distance of two strings", ("edit_distance('kitten', 'sitting') == 3", "edit_distance('', 'ab') == 2")),
)  # fmt: skip


def draw(rng: Random, level: int) -> Draft:
    """Draw one-liners (1) up to algorithms (5)."""
    _, signature, what, tests = rng.choice([row for row in _FUNCTIONS if row[0] == level])
    reference = json.dumps({"tests": list(tests)})
    return Draft(say(rng, _WORDINGS, f=signature, what=what), reference, "python_tests", signature)
