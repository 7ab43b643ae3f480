#!/usr/bin/env bash
# Runs the test bundle. No .NET is needed; the NVIDIA driver, NVRTC and cuBLASLt are, else the GPU tests are ignored with the reason.
#   run-bundle.sh                             all tests
#   run-bundle.sh --gpu                       those of the GPU: goldens, random shapes, pipelines, bindings
#   run-bundle.sh --filter EXPRESSION         such as 'FullyQualifiedName~OperatorGoldenTests&Name~cuda'
#   run-bundle.sh --attention mma             with the attention kernels of sm_80 (and --conv mma: the convolutions of sm_80)
#   run-bundle.sh --sanitizer memcheck        compute-sanitizer (memcheck, racecheck, initcheck, synccheck) around operators of small sizes
# ZIMAGE_ROOT names the folder with golden/ where that is not beside this script, such as a checkout.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
filter="" tool="" log="${ZIMAGE_TEST_LOG:-}"
gpu='(FullyQualifiedName~Tests.Golden&Name~cuda)|FullyQualifiedName~Tests.Backends.Cuda|FullyQualifiedName~CudaPipelineTests|FullyQualifiedName~Pictures_of_the_GPU|FullyQualifiedName~Tests.Native|(FullyQualifiedName~BenchDoctorTests&Name~cuda)'
while [ $# -gt 0 ]; do
    case $1 in
        --filter) filter=$2; shift ;;
        --gpu) filter=$gpu ;;
        --attention) export ZIMAGE_ATTENTION=$2; shift ;;
        --conv) export ZIMAGE_CONV=$2; shift ;;
        --sanitizer) tool=$2; shift ;;
        --log) log=$2; shift ;;
        *) echo "There is no option $1; see the head of $0." >&2; exit 2 ;;
    esac
    shift
done

if [ -z "${ZIMAGE_ROOT:-}" ]; then
    ZIMAGE_ROOT=$here
fi
[ -d "$ZIMAGE_ROOT/golden" ] || [ -n "${ZIMAGE_GOLDEN:-}" ] || { echo "There is no golden/ in $ZIMAGE_ROOT; unpack zimage-golden.tar.xz or set ZIMAGE_GOLDEN." >&2; exit 2; }
export ZIMAGE_ROOT TESTINGPLATFORM_TELEMETRY_OPTOUT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 TERM=xterm

program=("$here/bin/ZImage.Tests" --progress off --no-ansi --show-stdout "${ZIMAGE_TEST_OUTPUT:-failed}" --results-directory "$(mktemp -d)")
if [ -n "$tool" ]; then
    sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | tail -n 1)
    [ -n "$sanitizer" ] || { echo "compute-sanitizer is not on the path and not in /usr/local/cuda*." >&2; exit 2; }
    # Of a matrix product NVIDIA's kernels do the work: their races and reads are not ours to judge, their addresses are.
    own=""
    [ "$tool" = memcheck ] || own='&Name!~linear'
    filter=${filter:-"(FullyQualifiedName~OperatorGoldenTests&Name~cuda$own)|(FullyQualifiedName~OddShapeTests&Name~cuda&Name~small$own)"}

    # A finding makes the exit code 99. Measuring products here would only measure the sanitizer.
    export ZIMAGE_AUTOTUNE=0 ZIMAGE_GRAPHS=0
    program=("$sanitizer" --tool "$tool" --error-exitcode 99 --print-limit 20 "${program[@]}")
fi
[ -n "$filter" ] && program+=(--filter "$filter")
if [ -n "$log" ]; then
    "${program[@]}" 2>&1 | tee "$log"
else
    "${program[@]}"
fi
