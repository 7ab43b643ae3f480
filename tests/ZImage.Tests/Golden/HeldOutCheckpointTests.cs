using NUnit.Framework;

namespace ZImage.Tests.Golden;

/// <summary>
/// Random checkpoints that are no part of the repository (golden/heldout.py makes them, others for each seed), held to PyTorch by the rules of the golden
/// pipelines. Variable ZIMAGE_HELDOUT names their folder.
/// </summary>
[Category("HeldOut")]
public sealed class HeldOutCheckpointTests
{
    private const string Variable = "ZIMAGE_HELDOUT";

    private static string? Folder => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? folder : null;

    private static string[] Files => Folder is null ? ["none"] : [.. Directory.GetFiles(Path.Combine(Folder, "pipeline"), "*.safetensors").Order(StringComparer.Ordinal)];

    private static IEnumerable<TestCaseData> Cases() =>
        from backend in GoldenModel.Backends
        from file in Files
        from start in new[] { "noise", "seed" }
        select new TestCaseData(backend, Path.GetFileNameWithoutExtension(file), start);

    [TestCaseSource(nameof(Cases))]
    public async Task Checkpoint_outside_the_golden_set_draws_what_PyTorch_draws(string backendName, string name, string start)
    {
        if (Folder is null)
        {
            Assert.Ignore($"{Variable} names no folder; golden/heldout.py makes one, on a machine with PyTorch and a GPU.");
        }

        GoldenBackend backend = GoldenBackend.Find(backendName);
        using GoldenFile file = GoldenFile.OpenAt(Path.Combine(Folder!, "pipeline", name + ".safetensors"));
        await PipelineCase.CheckAsync(backend, Folder!, file, start == "noise");
    }
}
