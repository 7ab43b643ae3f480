using System.Text.Json;
using NUnit.Framework;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Text;
using ZImage.Weights;

namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class TokenizeNoiseInfoTests
{
    private static readonly string Tokenizer = Path.Combine(Repository.Root, "golden", "tokenizer-tiny");

    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [Test]
    public async Task Tokenize_prints_the_templated_text_and_the_ids()
    {
        const string Templated = "<|im_start|>user\na \"red\" 狐狸<|im_end|>\n<|im_start|>assistant\n";
        IReadOnlyList<int> ids = Qwen2Tokenizer.Load(Tokenizer).Encode(Templated);

        CliOutcome json = await cli.RunAsync("tokenize", "-m", Tokenizer, "-p", "a \"red\" 狐狸", "--json");
        CliOutcome text = await cli.RunAsync("tokenize", "-m", Tokenizer, "-p", "a \"red\" 狐狸");

        JsonElement prompt = json.Json().GetProperty("prompts")[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That((json.ExitCode, json.Error), Is.EqualTo((0, "")));
            Assert.That(prompt.EnumerateObject().Select(p => p.Name), Is.EqualTo(new[] { "prompt", "text", "count", "ids" }));
            Assert.That(prompt.GetProperty("text").GetString(), Is.EqualTo(Templated));
            Assert.That(prompt.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32()), Is.EqualTo(ids));
            Assert.That(text.Out, Is.EqualTo($"{Templated}\n{string.Join(',', ids)}\n"));
        }
    }

    [TestCase("torch-cpu", NoiseGenerator.TorchCpu)]
    [TestCase("torch-cuda", NoiseGenerator.TorchCuda)]
    public async Task Noise_writes_what_the_generator_draws(string name, NoiseGenerator kind)
    {
        string path = cli.File("noise.safetensors");
        float[] expected = new float[2 * 4 * 3 * 5];
        TorchGenerator.Create(kind, 42, 78).Normal(expected);

        CliOutcome outcome = await cli.RunAsync(
            "noise", "-s", "42", "--shape", "2,4,3,5", "--rng", name, "--rng-multiprocessors", "78", "-o", path, "--json");

        using SafetensorsFile file = SafetensorsFile.Open(path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(file.Entries.Select(e => (e.Name, e.Shape)), Is.EqualTo(new[] { ("latents", new Shape(2, 4, 3, 5)) }));
            Assert.That(HostFloats.Copy(file["latents"]), Is.EqualTo(expected));
            Assert.That(outcome.Out, Is.EqualTo($$"""{"path":"{{path}}","tensor":"latents","shape":[2,4,3,5],"seed":42,"rng":"{{name}}"}""" + "\n"));
        }
    }

    [TestCase("1,2,3,4,5,6")]
    [TestCase("65536,65536")]
    [TestCase("0,4")]
    [TestCase("a")]
    public async Task Noise_of_an_impossible_shape_is_refused(string shape)
    {
        CliOutcome outcome = await cli.RunAsync("noise", "-s", "42", "--shape", shape, "-o", cli.File("n.safetensors"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(2));
            Assert.That(outcome.Error, Does.StartWith("error: --shape: "));
        }
    }

    [Test]
    public async Task Noise_is_not_written_over_a_file()
    {
        await File.WriteAllTextAsync(cli.File("n.safetensors"), "mine");

        CliOutcome outcome = await cli.RunAsync("noise", "-s", "42", "--shape", "1", "-o", cli.File("n.safetensors"));

        Assert.That((outcome.ExitCode, await File.ReadAllTextAsync(cli.File("n.safetensors"))), Is.EqualTo((2, "mine")));
    }

    [Test]
    public async Task Info_of_a_picture_prints_its_settings()
    {
        await cli.GenerateAsync("-p", "一只猫", "-s", "5", "-o", cli.File("x.png"));

        CliOutcome text = await cli.RunAsync("info", cli.File("x.png"));
        CliOutcome json = await cli.RunAsync("info", cli.File("x.png"), "--json");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(text.Out, Does.StartWith("Software: zimage 0.1.0\nparameters: 一只猫\nSteps: 8,").And.Contains("\nzimage: {"));
            Assert.That(json.Json().GetProperty("seed").GetUInt64(), Is.EqualTo(5));
            Assert.That(json.Json().GetProperty("prompts")[0].GetString(), Is.EqualTo("一只猫"));
        }
    }

    [Test]
    public async Task Info_of_a_tensor_file_counts_and_lists()
    {
        string path = cli.File("w.safetensors");
        SafetensorsWriter.Write(path, [new("b.weight", new HostTensor(new float[6], new Shape(2, 3))), new("a", DType.BF16, new Shape(5), new byte[10])]);

        CliOutcome text = await cli.RunAsync("info", path, "--tensors");
        CliOutcome json = await cli.RunAsync("info", path, "--tensors", "--json");

        JsonElement part = json.Json().GetProperty("model").GetProperty("parts")[0];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(text.Out, Is.EqualTo(
                $"{path}\n\n"
                + "part           tensors  parameters  size     types\n"
                + "w.safetensors  2        11          0.0 KiB  F32, BF16\n\n"
                + "w.safetensors  type  shape\n"
                + "a              BF16  [5]\n"
                + "b.weight       F32   [2, 3]\n"));
            Assert.That(part.GetProperty("parameter_count").GetInt64(), Is.EqualTo(11));
            Assert.That(part.GetProperty("tensors")[1].GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()), Is.EqualTo(new[] { 2, 3 }));
        }
    }

    [Test]
    public async Task Info_of_a_folder_that_is_no_checkpoint_is_a_model_error()
    {
        CliOutcome outcome = await cli.RunAsync("info", cli.Model);

        Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((3, "")));
    }

    [Test]
    public async Task Info_takes_one_subject()
    {
        CliOutcome outcome = await cli.RunAsync("info", cli.Model, "-m", cli.Model);

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((2, $"error: both '{cli.Model}' and --model are given\nhint: name one of them\n")));
    }
}
