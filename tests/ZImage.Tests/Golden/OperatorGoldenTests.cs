using NUnit.Framework;
using ZImage.Backends;

namespace ZImage.Tests.Golden;

/// <summary>Every case of golden/ops on every backend.</summary>
internal sealed class OperatorGoldenTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        from backend in GoldenBackend.All
        from file in Files()
        let op = Path.GetFileName(Path.GetDirectoryName(file))!
        let name = Path.GetFileName(file)
        select new TestCaseData(backend.Name, op, name).SetArgDisplayNames(backend.Name, op, Path.GetFileNameWithoutExtension(name));

    [TestCaseSource(nameof(Cases))]
    public void Operator_gives_what_PyTorch_gives(string backendName, string op, string name)
    {
        using BackendLease lease = GoldenBackend.Open(backendName);
        IBackend backend = lease.Backend;
        using GoldenFile golden = GoldenFile.Open("ops", op, name);
        using OperatorCase run = new(backend, golden);
        Assert.That(OperatorRuns.All, Does.ContainKey(op), "a folder of golden/ops that no test runs");
        OperatorRuns.All[op](run);
    }

    [Test]
    public void Every_operator_has_at_least_two_cases()
    {
        Dictionary<string, int> counts = OperatorRuns.All.Keys.ToDictionary(op => op, _ => 0);
        foreach (string file in Files())
        {
            string op = Path.GetFileName(Path.GetDirectoryName(file))!;
            counts[op] = counts.GetValueOrDefault(op) + 1;
        }

        Assert.That(counts.Where(entry => entry.Value < 2).Select(entry => entry.Key), Is.Empty, $"operators without cases in {GoldenFile.Folder}");
    }

    private static IEnumerable<string> Files()
    {
        string folder = Path.Combine(GoldenFile.Folder, "ops");
        return Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*.safetensors", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            : [];
    }
}
