using NUnit.Framework;
using ZImage.Backends;
using ZImage.Dit;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Golden;

/// <summary>The transformer against PyTorch: every named intermediate of one evaluation, in the order of evaluation, and batches.</summary>
public sealed class TransformerGoldenTests
{
    /// <summary>What the engine records of a block; the reference has more (the inputs of fused operators).</summary>
    private static readonly string[] BlockNames =
    [
        ".attention.to_q", ".attention.to_k", ".attention.to_v", ".attention.q_rope", ".attention.k_rope", ".attention.heads", ".attention",
        ".feed_forward.w1", ".feed_forward.w3", ".feed_forward", "",
    ];

    private static IEnumerable<TestCaseData> Intermediates()
    {
        foreach (string backend in GoldenModel.Backends)
        {
            foreach (string checkpoint in GoldenModel.Checkpoints)
            {
                HashSet<string> references = [.. GoldenModel.References("blocks", checkpoint + ".plain.safetensors")];
                string[] blocks = ["context_refiner.0", "noise_refiner.0", "layers.0", "layers.1"];
                string[] names =
                [
                    "t_embedder", "cap_embedder", "all_x_embedder.2-1",
                    .. blocks.SelectMany(block => BlockNames.Select(name => block + name)).Where(references.Contains),
                    "all_final_layer.2-1", "out",
                ];
                for (int i = 0; i < names.Length; i++)
                {
                    yield return new TestCaseData(backend, checkpoint, names[i]).SetArgDisplayNames(backend, checkpoint, $"{i:00}", names[i]);
                }
            }
        }
    }

    private static IEnumerable<TestCaseData> Batches() =>
        from backend in GoldenModel.Backends
        from checkpoint in GoldenModel.Checkpoints
        from name in new[] { "ragged_batch", "multiple_of_32" }
        select new TestCaseData(backend, checkpoint, name);

    [TestCaseSource(nameof(Intermediates))]
    public void Intermediate_equals_PyTorch(string backendName, string checkpoint, string name)
    {
        using BackendLease lease = GoldenBackend.Open(backendName);
        IBackend backend = lease.Backend;
        using GoldenFile file = GoldenFile.Open("blocks", checkpoint + ".plain.safetensors");
        RecordingProbe probe = new(backend);
        HostTensor embeds = new(file.Floats("input.prompt_embeds"), new Shape(file.Extents("input.prompt_embeds")));
        float[] output = Evaluate(backend, checkpoint, file, [embeds], probe);

        (int rows, int width) = name switch
        {
            // The reference embeds the padding before it puts the pad token in its place.
            "all_x_embedder.2-1" => (15, 0),
            "cap_embedder" => (9, 0),
            _ => (0, 0),
        };
        float[] actual = name == "out" ? output : probe[name].Values;
        width = name == "out" ? 0 : probe[name].Shape[-1];
        if (!GoldenModel.Compare(name, rows > 0 ? actual.AsSpan(0, rows * width) : actual, file, backend))
        {
            Assert.Ignore("PyTorch's bfloat16 run did not keep this intermediate.");
        }
    }

    [TestCaseSource(nameof(Batches))]
    public void Batch_equals_PyTorch(string backendName, string checkpoint, string name)
    {
        using BackendLease lease = GoldenBackend.Open(backendName);
        IBackend backend = lease.Backend;
        using GoldenFile file = GoldenFile.Open("blocks", $"{checkpoint}.{name}.safetensors");
        List<HostTensor> embeds = [];
        for (int i = 0; file.Has($"input.prompt_embeds.{i}"); i++)
        {
            embeds.Add(new HostTensor(file.Floats($"input.prompt_embeds.{i}"), new Shape(file.Extents($"input.prompt_embeds.{i}"))));
        }

        float[] output = Evaluate(backend, checkpoint, file, embeds, NullProbe.Instance);
        int perItem = output.Length / embeds.Count;
        for (int i = 0; i < embeds.Count; i++)
        {
            Assert.That(GoldenModel.Compare($"out.{i}", output.AsSpan(i * perItem, perItem), file, backend), Is.True, "the case holds a bfloat16 run");
        }
    }

    private static float[] Evaluate(IBackend backend, string checkpoint, GoldenFile file, IReadOnlyList<HostTensor> embeds, ITensorProbe probe)
    {
        ModelFolder folder = GoldenModel.Folder(checkpoint);
        using PartWeights weights = folder.OpenTransformer();
        ZImageTransformer transformer = GoldenModel.Place(weights, backend, loader => new ZImageTransformer(folder.Transformer, loader, backend));
        using Workspace memory = new(backend);
        int[] shape = file.Extents("input.latents");
        Tensor latents = memory.Rent(DType.F32, shape);
        Tensor prediction = memory.Rent(DType.F32, shape);
        backend.Upload(file.Floats("input.latents"), latents);
        TransformerRun run = transformer.Plan([.. embeds.Select(e => e.Shape[0])], shape[2], shape[3], [file.Floats("input.t")[0]], memory, probe);
        transformer.SetPrompts(run, embeds, probe);
        transformer.Forward(run, 0, latents, prediction, probe, CancellationToken.None);
        float[] result = new float[prediction.Count];
        backend.Download(prediction, result);
        return result;
    }
}
