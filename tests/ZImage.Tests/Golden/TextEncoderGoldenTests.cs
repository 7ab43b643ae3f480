using NUnit.Framework;
using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Text;
using ZImage.Weights;

namespace ZImage.Tests.Golden;

/// <summary>The text encoder against PyTorch: tokens, intermediates of the first layer, every layer, and the embeddings that the pipeline takes.</summary>
public sealed class TextEncoderGoldenTests
{
    private static readonly string[] Names =
    [
        "embed_tokens", "layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj", "layers.0.self_attn.v_proj", "layers.0.self_attn", "layers.0.mlp",
        "layers.0", "layers.1", "layers.2", "prompt_embeds",
    ];

    private static IEnumerable<TestCaseData> Intermediates()
    {
        foreach (string backend in GoldenModel.Backends)
        {
            foreach (string checkpoint in GoldenModel.Checkpoints)
            {
                int layers = GoldenModel.Folder(checkpoint).TextEncoder.LayerCount;
                string[] names = [.. Names.Where(name => name != $"layers.{layers - 1}")];
                for (int i = 0; i < names.Length; i++)
                {
                    yield return new TestCaseData(backend, checkpoint, names[i]).SetArgDisplayNames(backend, checkpoint, $"{i:00}", names[i]);
                }
            }
        }
    }

    [TestCaseSource(nameof(Intermediates))]
    public void Intermediate_equals_PyTorch(string backendName, string checkpoint, string name)
    {
        using BackendLease lease = GoldenBackend.Open(backendName);
        IBackend backend = lease.Backend;
        using GoldenFile file = GoldenFile.Open("text_encoder", checkpoint + ".safetensors");
        ModelFolder folder = GoldenModel.Folder(checkpoint);
        using PartWeights weights = folder.OpenTextEncoder();
        Qwen3Encoder encoder = GoldenModel.Place(weights, backend, loader => new Qwen3Encoder(folder.TextEncoder, loader, backend));
        using Workspace memory = new(backend);
        RecordingProbe probe = new(backend);

        IReadOnlyList<int> ids = Qwen2Tokenizer.Load(folder.TokenizerFolder).Tokenize(file.Metadata["prompt"], 512).Ids;
        Assert.That(ids, Is.EqualTo(file.Integers("input.ids")));
        probe.Record("prompt_embeds", encoder.Forward([ids], memory, probe, CancellationToken.None));

        if (!GoldenModel.Compare(name, probe[name].Values, file, backend))
        {
            Assert.Ignore("PyTorch's bfloat16 run did not keep this intermediate.");
        }
    }
}
