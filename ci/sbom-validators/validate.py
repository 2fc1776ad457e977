"""Validates CycloneDX JSON files with cyclonedx-python-lib in strict mode. Exit 1 when one is wrong."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

VALIDATORS = {
    version.to_version(): JsonStrictValidator(version)
    for version in (SchemaVersion.V1_5, SchemaVersion.V1_6, SchemaVersion.V1_7)
}


def main(files: list[str]) -> int:
    wrong = 0
    for path in files:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        errors = list(VALIDATORS[json.loads(text)["specVersion"]].validate_str(text, all_errors=True) or [])
        for error in errors[:5]:
            data = getattr(error, "data", error)
            print(f"{path}: {str(getattr(data, 'json_path', ''))}: {str(getattr(data, 'message', data))[:300]}")
        wrong += bool(errors)
    print(f"cyclonedx-python-lib: {len(files)} files, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main(sys.argv[1:]))
