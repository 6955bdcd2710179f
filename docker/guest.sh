#!/bin/sh
# Entry point of the image `guest`: SECONDS PROGRAM... JOB. After SECONDS it is over, also where nobody ends it.
set -eu
seconds=$1
shift
exec timeout --signal=KILL "$seconds" python -I -B -m gyral.isolation.confine "$@"
