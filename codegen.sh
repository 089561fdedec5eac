#!/usr/bin/env bash
# Generates the low-level clients in generated/ from the documents in specs/. Offline; same bytes every time.
#   ./codegen.sh            regenerate everything
#   ./codegen.sh --check    only say how generated/ differs from what it should be; exit 1 if it does
#   ./codegen.sh --help     the other uses
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

python=python3
[[ -x .venv/bin/python ]] && python=.venv/bin/python

if ! "$python" -c 'import openapi_python_client, openapi_spec_validator, yaml' 2>/dev/null; then
    echo "codegen.sh: $python lacks the tools of code generation." >&2
    echo "  'make generate' and 'make drift' install them first. Or install what [dependency-groups] dev of pyproject.toml lists." >&2
    exit 64
fi
export PYTHONPATH="src${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m codegen "$@"
