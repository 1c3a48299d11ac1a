"""Tries the functions of schema api through HTTP with schemathesis.

    api_peer.py DOCUMENT CONNECTION COMPANY EXAMPLES SEED [FORBIDDEN...]

Checks that the document is valid OpenAPI 3.1, starts api_server.py, and lets schemathesis send
EXAMPLES requests an operation, valid and invalid ones. Each answer must be as the document says, no
server error, and hold none of the FORBIDDEN texts unless the request does. Prints the number of
answers by status as JSON.
"""

import collections
import json
import pathlib
import subprocess
import sys

import openapi_spec_validator
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies
from schemathesis import GenerationMode, checks

document, connection, company, examples, number, *forbidden = sys.argv[1:]
description = json.loads(pathlib.Path(document).read_text(encoding="utf-8"))
openapi_spec_validator.validate(description)
server = subprocess.Popen(
    [sys.executable, str(pathlib.Path(__file__).with_name("api_server.py")), document, connection,
     company],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
counts = collections.Counter()
try:
    base = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    schema = schemathesis.openapi.from_dict(description)
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            @seed(int(number))
            @settings(
                max_examples=int(examples), deadline=None, database=None, derandomize=False,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def try_one(case):
                response = case.call(base_url=base)
                text = response.content.decode()
                case.validate_response(response, excluded_checks=[
                    # A scope without its identifier or a range that ends before it begins fits the
                    # types and is refused all the same, and a text of digits is a date for nobody.
                    checks.positive_data_acceptance, checks.negative_data_rejection])
                assert response.status_code in (200, 400, 404, 405, 409), response.status_code
                for word in forbidden:
                    assert word not in text or word in (response.request.url or ""), text
                counts[f"{operation.label} {response.status_code}"] += 1

            try_one()
finally:
    server.stdin.close()
    server.wait(timeout=20)
print(json.dumps(counts, sort_keys=True))
