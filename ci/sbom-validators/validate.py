"""Validates CycloneDX JSON files with cyclonedx-python-lib in strict mode, and their purls with packageurl-python. Exit 1 when one is
wrong."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

VALIDATORS = {
    version.to_version(): JsonStrictValidator(version)
    for version in (SchemaVersion.V1_5, SchemaVersion.V1_6, SchemaVersion.V1_7)
}


def wrong_purls(bom: dict) -> list[str]:
    """Purls that the reference library does not read as the package that the component names, or would write otherwise."""
    wrong = []
    for component in [bom["metadata"]["component"], *bom.get("components", [])]:
        text = component.get("purl")
        if text is None:
            continue
        try:
            purl = PackageURL.from_string(text)
        except ValueError as error:
            wrong.append(f"{text}: {error}")
            continue
        # The library still lower-cases npm names, which the specification no longer does.
        if purl.to_string().lower() != text.lower():
            wrong.append(f"{text}: written as {purl.to_string()}")
        if purl.type == "npm":
            named = (component.get("group"), component["name"], component["version"])
            read = (purl.namespace, purl.name, purl.version)
            if [part and part.lower() for part in named] != [part and part.lower() for part in read]:
                wrong.append(f"{text}: names {read}, not {named}")
    return wrong


def main(files: list[str]) -> int:
    wrong = 0
    for path in files:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        errors = list(VALIDATORS[json.loads(text)["specVersion"]].validate_str(text, all_errors=True) or [])
        for error in errors[:5]:
            data = getattr(error, "data", error)
            print(f"{path}: {str(getattr(data, 'json_path', ''))}: {str(getattr(data, 'message', data))[:300]}")
        purls = wrong_purls(json.loads(text))
        for line in purls[:5]:
            print(f"{path}: {line}")
        wrong += bool(errors or purls)
    print(f"cyclonedx-python-lib: {len(files)} files, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1:]))
