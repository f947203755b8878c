"""Print the mutants of modules as lines of JSON; runs with cosmic-ray, in .venv/mutants.

cosmic-ray replaces each operator by each other, most of which fail at once with a TypeError and
flatter the figures. Here stand those that a slip of the hand could make.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

COMPARISONS = {
    "Lt": ("LtE", "GtE"),
    "LtE": ("Lt", "Gt"),
    "Gt": ("GtE", "LtE"),
    "GtE": ("Gt", "Lt"),
    "Eq": ("NotEq",),
    "NotEq": ("Eq",),
    "Is": ("IsNot",),
    "IsNot": ("Is",),
}
BINARY = {
    "Add": "Sub",
    "Sub": "Add",
    "Mul": "FloorDiv",
    "Div": "Mul",
    "FloorDiv": "Mul",
    "Mod": "Mul",
    "BitOr": "BitAnd",
    "BitAnd": "BitOr",
}
NAMES = [
    "NumberReplacer",
    "AddNot",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_USub_UAdd",
    *(f"ReplaceBinaryOperator_{old}_{new}" for old, new in BINARY.items()),
    *(
        f"ReplaceComparisonOperator_{old}_{new}"
        for old, news in COMPARISONS.items()
        for new in news
    ),
]


class SwapWord(Operator):  # type: ignore[misc]
    """Swap a word for its opposite: what cosmic-ray lacks."""

    opposites: ClassVar = {"min": "max", "max": "min", "any": "all", "all": "any", "in": "not in"}

    def mutation_positions(self, node: Any) -> Iterator[tuple[Any, Any]]:
        if getattr(node, "value", None) not in self.opposites:
            return
        following = node.get_next_leaf()
        if node.parent.type == "comparison" or (
            node.type == "name" and following is not None and following.value == "("
        ):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        assert index == 0
        node.value = self.opposites[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        return ()


def declarations(source: str) -> set[int]:
    """Return the lines that only declare: annotations across lines and decorators."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                lines |= {*range(decorator.lineno, (decorator.end_lineno or 0) + 1)}
    return lines


def type_spans(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where types stand: a `|` there is no operation."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            found.append(node.returns)
    return [
        ((expr.lineno, expr.col_offset), (expr.end_lineno or 0, expr.end_col_offset or 0))
        for expr in found
        if expr is not None
    ]


NEGATED = {
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}


class PushNot(ast.NodeTransformer):
    """Rewrite `not a < b` as `a >= b` and `not not a` as `a`, so that equal mutants look equal."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        inner = node.operand
        if not isinstance(node.op, ast.Not):
            return node
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, ast.Not):
            return inner.operand
        if isinstance(inner, ast.Compare) and len(inner.ops) == 1:
            inner.ops = [NEGATED[type(inner.ops[0])]()]
            return inner
        return node


def meaning(source: str) -> str | None:
    """Return the syntax tree as text, or None where the source does not parse."""
    try:
        return ast.dump(PushNot().visit(ast.parse(source)))
    except SyntaxError:
        return None


def mutants(path: Path) -> Iterator[dict[str, object]]:
    """Yield the mutants of a module, each with its line, its change and its whole source.

    Each statement of the module is parsed and changed by itself: the whole module for each mutant
    would take minutes.
    """
    source = path.read_text(encoding="utf-8")
    spans, skipped = type_spans(source), declarations(source)
    before = ""
    for statement in get_ast(source).children:
        code = statement.get_code()
        after = source[len(before) + len(code) :]
        first = before.count("\n")
        nodes = list(ast_nodes(get_ast(code)))
        known = {None, meaning(code)}
        for operator in [*(get_operator(f"core/{name}")() for name in NAMES), SwapWord()]:
            positions = [
                (start[0] + first, start[1])
                for node in nodes
                for start, _ in operator.mutation_positions(node)
            ]
            for occurrence, start in enumerate(positions):
                if start[0] in skipped or any(began <= start < end for began, end in spans):
                    continue
                mutated = mutate_code(code, operator, occurrence)
                meant = meaning(mutated)
                if meant in known:
                    continue
                known.add(meant)
                old, new = code.splitlines(), mutated.splitlines()
                # A mutant may join lines: only the first line that differs is shown.
                line = next(n for n, text in enumerate(old) if text != new[n])
                yield {
                    "line": first + line + 1,
                    "before": old[line].strip(),
                    "after": new[line].strip(),
                    "source": before + mutated + after,
                }
        before += code


for argument in sys.argv[1:]:
    for mutant in mutants(Path(argument)):
        sys.stdout.write(json.dumps({"path": argument, **mutant}) + "\n")
