using System.Text.Json;
using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Native;

namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class BenchDoctorTests
{
    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCase("cpu")]
    [TestCase("cuda")]
    public async Task Bench_of_the_tiny_model_measures_every_stage(string device)
    {
        RequireDevice(device);
        CliOutcome outcome = await cli.RunAsync(
            "bench", "-m", "synthetic:tiny:0", "--device", device, "--size", "64x32", "--size", "64x32x2", "--repeats", "1", "--json");

        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        JsonElement report = outcome.Json();
        string[] names = [.. report.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("name").GetString()!)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(report.GetProperty("schema_version").GetInt32(), Is.EqualTo(1));
            Assert.That(report.GetProperty("model").GetString(), Is.EqualTo("synthetic:tiny:0"));
            Assert.That(report.GetProperty("device").GetString(), Does.StartWith(device == "cpu" ? "cpu" : "cuda:0").Or.Contain("NVIDIA"));
            Assert.That(names.Where(name => name is not ("peak_memory" or "peak_memory_low")), Is.EqualTo(new[]
            {
                "load", "first_picture", "prompt_to_pixels", "prompt_to_pixels", "device_copy", "matmul", "text_encoder", "text_encoder", "forward",
                "evaluations_8", "vae_decode", "forward", "evaluations_8", "place_transformer",
            }.Concat(device == "cpu" ? [] : new[] { "prompt_to_pixels_low", "kernels_cold", "open_device", "kernels_warm", "open_device" })));
            Assert.That(names.Count(name => name == "peak_memory_low"), Is.EqualTo(device == "cpu" ? 0 : 1));
            Assert.That(report.GetProperty("results").EnumerateArray().Select(result => result.GetProperty("median").GetDouble()), Has.All.GreaterThan(0));
        }
    }

    [TestCase("cpu")]
    [TestCase("cuda")]
    public async Task Bench_of_kernels_lists_operators_and_reports_compare(string device)
    {
        RequireDevice(device);
        CliOutcome profile = await cli.RunAsync("bench", "-m", "synthetic:tiny:0", "--device", device, "--size", "32x32", "--repeats", "1", "--kernels", "--json");
        Assert.That(profile.ExitCode, Is.Zero, profile.Error);
        await File.WriteAllTextAsync(cli.File("a.json"), profile.Out);

        CliOutcome compared = await cli.RunAsync("bench", "--report", cli.File("a.json"), cli.File("a.json"));

        string[] operators = [.. profile.Json().GetProperty("kernels").EnumerateArray().Select(kernel => kernel.GetProperty("operator").GetString()!).Distinct()];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(operators, Is.SupersetOf(new[] { "Linear", "Attention", "Conv2d", "GroupNorm", "ResidualNorm", "EulerStep" }));
            Assert.That(compared.ExitCode, Is.Zero, compared.Error);
            Assert.That(compared.Out, Does.Match(@"(?m)^\| matmul \| (1024|8192)\^3 \| [\d.]+ TFLOP/s \| [\d.]+ TFLOP/s \|$"));
        }
    }

    [TestCase("1024")]
    [TestCase("axb")]
    [TestCase("64x64x0")]
    [TestCase("1x2x3x4")]
    [TestCase("0x64")]
    public async Task Bench_refuses_what_is_no_size(string size)
    {
        CliOutcome outcome = await cli.RunAsync("bench", "--device", "cpu", "--size", size);

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((
            2,
            $"error: --size: '{size}' is not a size such as 1024x1024 or 1024x1024x4\nhint: give width x height in pixels, to 65536 each, and x pictures, to 64, for several at once\n")));
    }

    [Test]
    public async Task Doctor_without_a_driver_is_a_device_error_that_says_what_was_tried()
    {
        if (NativeLibraryResolver.TryLoad(NativeLibraryResolver.Cuda, out _))
        {
            Assert.Ignore("This machine has an NVIDIA driver.");
        }

        CliOutcome text = await cli.RunAsync("doctor");
        CliOutcome json = await cli.RunAsync("doctor", "--json");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((text.ExitCode, json.ExitCode), Is.EqualTo((4, 4)));
            Assert.That(text.Out, Does.Contain("cuda       missing").And.Contain("driver     none, 0 devices"));
            Assert.That(text.Error, Does.StartWith("error: ").And.Contains("libcuda.so.1").Or.Contains("nvcuda.dll"));
            Assert.That(text.Error.Split("Install the NVIDIA driver"), Has.Length.EqualTo(2), "the hint is told once");
            Assert.That(json.Json().GetProperty("usable").GetBoolean(), Is.False);
            Assert.That(json.Json().GetProperty("libraries")[0].GetProperty("problem").GetString(), Does.Contain("Tried"));
        }
    }

    private static void RequireDevice(string device)
    {
        if (device == "cuda" && !CudaDevice.TryFindUsable(out _, out string? reason))
        {
            Assert.Ignore(reason ?? "No usable GPU.");
        }
    }
}
