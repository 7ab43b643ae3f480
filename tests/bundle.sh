#!/usr/bin/env bash
# Builds the portable test bundle: the tests as a program that brings its runtime, for a Linux machine with a GPU and without .NET.
#   artifacts/zimage-tests.tar.xz         the program, the sources that tests read, run-bundle.sh
#   artifacts/zimage-golden.tar.xz        the golden files and the bundled models; not needed where a checkout is
# There: unpack both in one place, then zimage-tests/run-bundle.sh. The program is about 20 MB, the other about as large as golden/ and models/.
set -euo pipefail
cd "$(dirname "$0")/.."
out=artifacts/zimage-tests
rm -rf "$out" artifacts/zimage-tests.tar.xz artifacts/zimage-golden.tar.xz

# With folders of its own: what an ordinary build left stays as it is.
dotnet publish tests/ZImage.Tests -c Release -r linux-x64 --self-contained -p:TestBundle=true -p:IsAotCompatible=false \
    --artifacts-path artifacts/bundle-build -o "$out/bin" -v quiet -nologo

# Debuggers' libraries, and what the tests do not read.
rm -rf "$out/bin/models"
rm -f "$out"/bin/{libmscordaccore.so,libmscordbi.so,libcoreclrtraceptprovider.so,createdump} "$out"/bin/*.pdb "$out"/bin/*.dbg
cp tests/run-bundle.sh "$out/"
# Tests that read sources, documents and data find them under the root.
git ls-files -z -- . ':!golden' ':!models' | tar --null -cf - -T - | tar -xf - -C "$out"

tar -C artifacts -cf - zimage-tests | xz -T0 -6 >artifacts/zimage-tests.tar.xz
if [ "${1:-}" != --no-golden ]; then
    tar -cf - --transform 's,^,zimage-tests/,' golden models | xz -T0 -2 >artifacts/zimage-golden.tar.xz
fi
ls -l artifacts/*.tar.xz
total=$(cat artifacts/zimage-tests.tar.xz | wc -c)
[ "$total" -lt $((64 << 20)) ] || { echo "The bundle has $total bytes; 64 MiB are the limit."; exit 1; }
