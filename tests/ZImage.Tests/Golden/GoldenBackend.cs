using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;

namespace ZImage.Tests.Golden;

/// <summary>A backend that the golden cases run on.</summary>
/// <param name="Name">Short name, which stands in the test's name.</param>
/// <param name="Create">Makes it.</param>
/// <param name="Missing">Why this machine has none; null where it has.</param>
internal sealed record GoldenBackend(string Name, Func<IBackend> Create, Func<string?> Missing)
{
    /// <summary>Every backend there is. One more line here and all golden operator cases run on it.</summary>
    public static IReadOnlyList<GoldenBackend> All { get; } =
    [
        new("cpu", () => new CpuBackend(), () => null),
    ];

    /// <summary>The backend called <paramref name="name"/>; ignores the test, with the reason, where the machine has none.</summary>
    public static IBackend Open(string name)
    {
        GoldenBackend backend = All.Single(candidate => candidate.Name == name);
        if (backend.Missing() is { } reason)
        {
            Assert.Ignore(reason);
        }

        return backend.Create();
    }
}
