"""A small skill of handling and modes that use it, so that tests do not hang on what is recorded."""

from importlib.resources import files

from envs.shift.cycles import Group, Row, Table, write_table
from envs.shift.handling import Skill

RESULTS = ("seated", "seated", "seated", "missed_grasp", "seated", "dropped", "seated", "misseated")


def table(name="small", failures=True):
    """Cycles of a skill that fails now and then at strength 3."""

    def rows(strength):
        kinds = RESULTS if failures and strength else ("seated",)
        return tuple(
            Row(k, "shaft", "medium", 5.0 + 0.1 * k, kinds[k % len(kinds)], 0.0, 0.02, 300.0,
                int(kinds[k % len(kinds)] != "misseated"), 1)
            for k in range(16)
        )  # fmt: skip

    groups = [
        Group(task, nested, strength, "", rows(strength if task == "load" else 0))
        for task in ("load", "unload")
        for nested in (True, False)
        for strength in (0, 3)
    ]
    return Table(Skill(name), tuple(groups))


def mode_file(folder, name, **changes):
    """A copy of a mode that ships, its parts handled by the small skill, with lines changed."""
    skill = folder / "small.json"
    if not skill.exists():
        write_table(table(), skill)
    text = (files("configs") / "compare" / "modes" / f"{name}.yaml").read_text(encoding="utf-8")
    lines = [f"handling: [{skill}]" if line.startswith("handling:") else line for line in text.splitlines()]
    for key, value in changes.items():
        lines = [f"{line.partition(key)[0]}{key}: {value}" if line.strip().startswith(f"{key}:") else line
                 for line in lines]  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
