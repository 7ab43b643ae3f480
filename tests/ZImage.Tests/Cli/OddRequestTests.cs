using System.Globalization;
using System.Text.Json;
using NUnit.Framework;
using ZImage.Cli;
using ZImage.Imaging;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Cli;

/// <summary>Sizes and options that nobody chose with care, drawn from fixed seeds: every request that is valid gives pictures of its size and finite latents.</summary>
[TestFixture]
internal sealed class OddRequestTests
{
    [Test]
    public async Task Every_valid_request_draws([Range(1, 24)] int seed)
    {
        // A generator of our own, so that a case stays the same on every version of .NET.
        uint state = (uint)seed * 2654435761u;
        int Next(int count)
        {
            state = (state * 1664525u) + 1013904223u;
            uint mixed = (state ^ (state >> 15)) * 2246822519u;
            return (int)((mixed >> 12) % (uint)count);
        }

        // The two have VAEs of different depth.
        (string model, int scale) = Next(2) == 0 ? ("tiny-turbo", 8) : ("tiny-base", 4);
        (int width, int height) = (16 * (1 + Next(9)), 16 * (1 + Next(9)));
        int steps = 1 + Next(3), count = 1 + Next(2), prompts = 1 + Next(2);
        using CliRunner cli = new() { RealEngine = new PipelineEngine() };
        List<string> args = ["generate", "-m", GoldenCheckpoint.PathOf(model), "-q", "--json", "-o", cli.File("a.png"), "--save-latents", cli.File("l.safetensors")];
        void Add(params object[] values) => args.AddRange(values.Select(v => Convert.ToString(v, CultureInfo.InvariantCulture)!));
        Add("-W", width, "-H", height, "--steps", steps, "--count", count, "-s", Next(1000), "--threads", 1 + Next(3));
        for (int i = 0; i < prompts; i++)
        {
            Add("-p", string.Join(' ', Enumerable.Repeat("red 圆 circle", 1 + Next(11))));
        }

        if (Next(2) == 0)
        {
            Add("--guidance", Next(60) / 10.0, "--negative-prompt", new string('x', Next(40)), "--cfg-normalization", Next(3) / 2.0, "--cfg-truncation", Next(11) / 10.0);
        }

        if (Next(3) == 0)
        {
            int side = 1 + Next(60);
            await File.WriteAllBytesAsync(cli.File("in.png"), PngWriter.Encode(new ImageBuffer(side, 33, [.. Enumerable.Range(0, side * 33 * 3).Select(_ => (byte)Next(256))])));
            Add("-i", cli.File("in.png"), "--strength", 1, "--posterior", Next(2) == 0 ? "mean" : "sample");
        }
        else if (Next(2) == 0)
        {
            Add("--rng", "torch-cuda");
        }

        CliOutcome outcome = await cli.RunAsync([.. args]);

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")), string.Join(' ', args));
        JsonElement images = outcome.Json().GetProperty("images");
        Assert.That(images.GetArrayLength(), Is.EqualTo(count * prompts));
        foreach (JsonElement image in images.EnumerateArray())
        {
            ImageBuffer picture = ImageReader.Read(image.GetProperty("path").GetString()!);
            Assert.That((picture.Width, picture.Height), Is.EqualTo((width, height)));
        }

        using SafetensorsFile file = SafetensorsFile.Open(cli.File("l.safetensors"));
        Assert.That(file.Entry("latents").Shape, Is.EqualTo(new Shape(count * prompts, 16, height / scale, width / scale)));
        Assert.That(HostFloats.Copy(file["latents"]), Has.All.Matches<float>(float.IsFinite));
    }
}
