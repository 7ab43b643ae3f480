using NUnit.Framework;
using ZImage.Backends;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Vae;
using ZImage.Weights;

namespace ZImage.Tests.Golden;

/// <summary>The VAE against PyTorch, both ways: every block, in the order of evaluation.</summary>
public sealed class AutoencoderGoldenTests
{
    /// <summary>What the engine does not record: fused into its neighbours.</summary>
    private static readonly string[] Fused = ["conv_norm_out", "upsamplers", "downsamplers"];

    private static IEnumerable<TestCaseData> Intermediates(string direction, string[] results)
    {
        foreach (string backend in GoldenModel.Backends)
        {
            foreach (string checkpoint in GoldenModel.Checkpoints)
            {
                string[] names =
                [
                    .. GoldenModel.References("vae", $"{checkpoint}.{direction}.safetensors")
                        .Where(name => name.Contains("coder.", StringComparison.Ordinal) && !Fused.Any(name.Contains)),
                    .. results,
                ];
                foreach (string name in names)
                {
                    yield return new TestCaseData(backend, checkpoint, name);
                }
            }
        }
    }

    private static IEnumerable<TestCaseData> Decoding() => Intermediates("decode", ["image"]);

    private static IEnumerable<TestCaseData> Encoding() => Intermediates("encode", ["mean", "logvar"]);

    [TestCaseSource(nameof(Decoding))]
    public void Decoder_equals_PyTorch(string backendName, string checkpoint, string name)
    {
        using BackendLease lease = GoldenBackend.Open(backendName);
        IBackend backend = lease.Backend;
        using GoldenFile file = GoldenFile.Open("vae", checkpoint + ".decode.safetensors");
        ModelFolder folder = GoldenModel.Folder(checkpoint);
        using PartWeights weights = folder.OpenVae();
        AutoencoderKl vae = GoldenModel.Place(weights, backend, loader => new AutoencoderKl(folder.Vae, loader, backend));
        using Workspace memory = new(backend);
        RecordingProbe probe = new(backend);

        Tensor latents = memory.Rent(DType.F32, file.Extents("input.latents"));
        backend.Upload(file.Floats("input.latents"), latents);
        probe.Record("image", vae.Decode(latents, memory, probe, CancellationToken.None));
        Compare(name, probe[name], file, backend);
    }

    [TestCaseSource(nameof(Encoding))]
    public void Encoder_equals_PyTorch(string backendName, string checkpoint, string name)
    {
        using BackendLease lease = GoldenBackend.Open(backendName);
        IBackend backend = lease.Backend;
        using GoldenFile file = GoldenFile.Open("vae", checkpoint + ".encode.safetensors");
        ModelFolder folder = GoldenModel.Folder(checkpoint);
        using PartWeights weights = folder.OpenVae();
        AutoencoderKl vae = GoldenModel.Place(weights, backend, loader => new AutoencoderKl(folder.Vae, loader, backend));
        using Workspace memory = new(backend);
        RecordingProbe probe = new(backend);

        int[] shape = file.Extents("input.pixels");
        Tensor pixels = memory.Rent(backend.ActivationType, shape[2], shape[3], shape[1]);
        backend.Upload(GoldenModel.ChannelsLast(file.Floats("input.pixels"), shape[1], shape[2] * shape[3]), pixels);
        (HostTensor mean, HostTensor logVariance) = vae.Encode(pixels, memory, probe, CancellationToken.None);
        if (name is "mean" or "logvar")
        {
            Assert.That(GoldenModel.Compare(name, name == "mean" ? mean.Values : logVariance.Values, file, backend), Is.True, "the case holds a bfloat16 run");
            return;
        }

        Compare(name, probe[name], file, backend);
    }

    private static void Compare(string name, (Shape Shape, float[] Values) actual, GoldenFile file, IBackend backend)
    {
        int channels = actual.Shape[-1];
        if (!GoldenModel.Compare(name, actual.Values, file, backend, values => GoldenModel.ChannelsLast(values, channels, values.Length / channels)))
        {
            Assert.Ignore("PyTorch's bfloat16 run did not keep this intermediate.");
        }
    }
}
