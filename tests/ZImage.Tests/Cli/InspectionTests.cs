using System.Text.Json;
using NUnit.Framework;
using ZImage.Cli;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Cli;

/// <summary><c>info</c> and <c>noise</c> on real files.</summary>
[TestFixture]
internal sealed class InspectionTests
{
    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner { RealEngine = new PipelineEngine() };

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCase("tiny-turbo")]
    [TestCase("tiny-base")]
    public async Task Info_counts_what_the_files_hold(string name)
    {
        string folder = GoldenCheckpoint.PathOf(name);
        CliOutcome text = await cli.RunAsync("info", folder);
        CliOutcome outcome = await cli.RunAsync("info", folder, "--json", "--tensors", "-W", "64", "-H", "64");

        JsonElement json = outcome.Json();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((text.ExitCode, text.Error, outcome.ExitCode, outcome.Error), Is.EqualTo((0, "", 0, "")));
            foreach (JsonElement part in json.GetProperty("model").GetProperty("parts").EnumerateArray())
            {
                string partName = part.GetProperty("name").GetString()!;
                long bytes = 0, parameters = 0;
                int tensors = 0;
                foreach (string path in Directory.GetFiles(Path.Combine(folder, partName), "*.safetensors"))
                {
                    using SafetensorsFile file = SafetensorsFile.Open(path);
                    tensors += file.Entries.Count;
                    bytes += file.Entries.Sum(e => e.Bytes);
                    parameters += file.Entries.Sum(e => e.Shape.Count);
                }

                Assert.That(part.GetProperty("tensor_count").GetInt32(), Is.EqualTo(tensors), partName);
                Assert.That(part.GetProperty("tensors").GetArrayLength(), Is.EqualTo(tensors), partName);
                Assert.That(part.GetProperty("parameter_count").GetInt64(), Is.EqualTo(parameters), partName);
                Assert.That(part.GetProperty("bytes").GetInt64(), Is.EqualTo(bytes), partName);
                Assert.That(text.Out, Does.Match($@"(?m)^{partName} +{tensors} "));
            }

            Assert.That(json.GetProperty("memory").GetProperty("total_bytes").GetInt64(), Is.GreaterThan(json.GetProperty("memory").GetProperty("weight_bytes").GetInt64()));
            Assert.That(json.GetProperty("memory").GetProperty("device").GetString(), Is.EqualTo("cpu"));
            Assert.That(text.Out, Does.Match(@"(?m)^memory for one \d+x\d+ picture on the processor$"));
        }
    }

    [TestCase("-W", "1000", "Width 1000 is not a positive multiple of 16.", "The nearest valid size is 992 or 1008.")]
    [TestCase("-H", "8", "Height 8 is not a positive multiple of 16.", "The nearest valid size is 16.")]
    [TestCase("-W", "16384", "16384x1024 is beyond the 8192x8192 that the model has positions for.", "Draw at 1024x1024, the model's own size, and enlarge.")]
    public async Task Info_refuses_a_size_as_generate_does(string option, string value, string message, string hint)
    {
        string folder = GoldenCheckpoint.PathOf("tiny-turbo");

        CliOutcome info = await cli.RunAsync("info", folder, option, value);
        CliOutcome generate = await cli.RunAsync("generate", "-m", folder, option, value, "-p", "a", "-q", "-s", "1", "-o", cli.File("a.png"));

        string expected = $"error: {message}\nhint: {hint}\n";
        Assert.That((info.ExitCode, info.Out, info.Error), Is.EqualTo((2, "", expected)));
        Assert.That((generate.ExitCode, generate.Error), Is.EqualTo((2, expected)));
    }

    [Test]
    public async Task Info_reads_a_single_file()
    {
        string file = Path.Combine(GoldenCheckpoint.PathOf("tiny-turbo"), "vae", "diffusion_pytorch_model.safetensors");
        CliOutcome outcome = await cli.RunAsync("info", file, "--tensors");

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
        Assert.That(outcome.Out, Does.Match(@"(?m)^decoder\.conv_in\.weight +\w+ +\[\d+, 16, 3, 3\]$"));
    }

    [Test]
    public async Task Info_tells_how_a_picture_was_made()
    {
        await cli.RunAsync("generate", "-m", GoldenCheckpoint.PathOf("tiny-turbo"), "-p", "一只猫", "-W", "32", "-H", "32", "--steps", "1", "-s", "5", "-q", "-o", cli.File("a.png"));
        CliOutcome text = await cli.RunAsync("info", cli.File("a.png"));
        CliOutcome json = await cli.RunAsync("info", cli.File("a.png"), "--json");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((text.ExitCode, text.Error, json.ExitCode, json.Error), Is.EqualTo((0, "", 0, "")));
            Assert.That(text.Out, Does.Contain("\nparameters: 一只猫\n").And.Contains("Steps: 1").And.Contains("Seed: 5").And.Contains("Size: 32x32"));
            Assert.That(json.Json().GetProperty("prompts")[0].GetString(), Is.EqualTo("一只猫"));
            Assert.That(json.Json().GetProperty("seed").GetUInt64(), Is.EqualTo(5));
        }
    }

    [Test]
    public async Task Noise_differs_by_generator_and_seed_and_is_written_once()
    {
        async Task<float[]> Noise(string name, params string[] args)
        {
            CliOutcome outcome = await cli.RunAsync(["noise", "--shape", "2,16,4,4", "-o", cli.File(name), .. args]);
            Assert.That((outcome.ExitCode, outcome.Out, outcome.Error), Is.EqualTo((0, cli.File(name) + "\n", "")));
            using SafetensorsFile file = SafetensorsFile.Open(cli.File(name));
            Assert.That(file.Entry("latents").Shape, Is.EqualTo(new Shape(2, 16, 4, 4)));
            return HostFloats.Copy(file["latents"]);
        }

        float[] cpu = await Noise("cpu", "-s", "1");
        float[] cuda = await Noise("cuda", "-s", "1", "--rng", "torch-cuda");
        float[] other = await Noise("other", "-s", "2");
        CliOutcome again = await cli.RunAsync("noise", "--shape", "1,16,4,4", "-s", "1", "-o", cli.File("cpu"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(cuda, Is.Not.EqualTo(cpu));
            Assert.That(other, Is.Not.EqualTo(cpu));
            Assert.That(again.ExitCode, Is.EqualTo(2));
        }
    }
}
