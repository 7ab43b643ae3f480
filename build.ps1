#!/usr/bin/env pwsh
# The one door on Windows and Linux; it only calls dotnet, cmake and tests/bundle.sh.
param(
    [ValidateSet('build', 'test', 'bench', 'pack', 'kernels', 'bundle')]
    [string] $Task = 'build'
)
$ErrorActionPreference = 'Stop'
Set-Location $PSScriptRoot

function Invoke-Tool {
    & $args[0] $args[1..($args.Length - 1)]
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

switch ($Task) {
    'build' { Invoke-Tool dotnet build ZImage.sln -c Release }
    'test' { Invoke-Tool dotnet test ZImage.sln -c Release }
    'bench' { Invoke-Tool dotnet run -c Release --project tests/ZImage.Benchmarks -- cpu }
    'pack' {
        $rid = if ($IsWindows) { 'win-x64' } elseif ($IsMacOS) { 'osx-arm64' } else { 'linux-x64' }
        Invoke-Tool dotnet publish src/ZImage.Cli -c Release -r $rid -o artifacts/$rid
    }
    'bundle' { Invoke-Tool bash tests/bundle.sh }
    'kernels' {
        Invoke-Tool cmake -S . -B build
        Invoke-Tool cmake --build build
        Invoke-Tool ctest --test-dir build --output-on-failure
    }
}
