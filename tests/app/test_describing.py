from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_a_datasheet_is_written_once_and_answers_are_kept(crispnet, captures):
    captures(Path("set"))
    result = crispnet("data", "describe", "set")
    assert result.exit_code == 0, result.output
    assert result.stdout == "set/datasheet.md\n"
    assert "7 questions in it are yours to answer" in result.stderr
    sheet = Path("set/datasheet.md")
    assert sheet.read_text().startswith("# Datasheet: set\n")
    sheet.write_text("answered")
    again = crispnet("data", "describe", "set")
    assert again.exit_code == 3
    assert sheet.read_text() == "answered"
    assert crispnet("data", "describe", "set", "-o", "other.md").exit_code == 0
