"""The tests' folders do not stand in the way of the packages."""

from pathlib import Path

TESTS = Path(__file__).parents[2]
PACKAGES = ("zerocost", "nasproxy", "dataselect", "zerocost_cli")


def test_no_folder_of_tests_hides_a_package() -> None:
    # pytest puts the folder of each test file on the path. A folder there with a package's name is
    # found before an editable install, in every process that a test starts.
    for folder in {file.parent for file in TESTS.rglob("test_*.py")}:
        hiding = [name for name in PACKAGES if (folder / name).exists()]
        assert not hiding, f"a test file in {folder} makes its folders {hiding} importable"
