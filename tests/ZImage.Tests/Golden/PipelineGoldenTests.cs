using NUnit.Framework;
using ZImage.Tensors;

namespace ZImage.Tests.Golden;

/// <summary>
/// Whole pipelines against PyTorch: embeddings, latents after every step, final latents and pixels. Each case runs twice: from its seed, as a user
/// would, and from PyTorch's own noise, so that a wrong picture and wrong noise are told apart.
/// </summary>
public sealed class PipelineGoldenTests
{
    private static IEnumerable<TestCaseData> Cases() =>
        from backend in GoldenModel.Backends
        from file in Directory.GetFiles(Path.Combine(GoldenFile.Folder, "pipeline"), "*.safetensors").Order(StringComparer.Ordinal)
        from start in new[] { "noise", "seed" }
        select new TestCaseData(backend, Path.GetFileNameWithoutExtension(file), start);

    [TestCaseSource(nameof(Cases))]
    public async Task Pipeline_equals_PyTorch(string backendName, string name, string start)
    {
        GoldenBackend backend = GoldenBackend.Find(backendName);
        using GoldenFile file = GoldenFile.Open("pipeline", name + ".safetensors");
        await PipelineCase.CheckAsync(backend, GoldenFile.Folder, file, start == "noise");
    }

    [Test]
    public async Task A_batch_gives_each_prompt_what_it_gets_alone()
    {
        using GoldenFile file = GoldenFile.Open("pipeline", "turbo_batch.safetensors");
        GenerationRequest together = PipelineCase.Request(file, true);
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Path.GetDirectoryName(GoldenFile.PathOf("checkpoints", "tiny-turbo", "model_index.json"))!, new PipelineOptions { Device = "cpu" });
        GenerationResult batch = await pipeline.GenerateAsync(together);
        int perImage = batch.Latents.Values.Length / together.Prompts.Count;
        for (int i = 0; i < together.Prompts.Count; i++)
        {
            GenerationResult alone = await pipeline.GenerateAsync(together with
            {
                Prompts = [together.Prompts[i]],
                Latents = new HostTensor(together.Latents!.Values[(i * perImage)..((i + 1) * perImage)], new Shape(1, 16, batch.Latents.Shape[2], batch.Latents.Shape[3])),
            });
            Tolerance.Exact<float>($"prompt {i}", alone.Latents.Values, batch.Latents.Values.AsSpan(i * perImage, perImage));
        }
    }
}
