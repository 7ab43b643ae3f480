using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Cli;

/// <summary>Every error says what to do: those that are found in files and variables. <see cref="ArgumentTests"/> has those of the command line alone.</summary>
[TestFixture]
internal sealed class HintTests
{
    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCase("ZIMAGE_THREADS", "many", "ZIMAGE_THREADS: 'many' is not a whole number from 0 to 1024", "correct it or unset it; 0 is all threads")]
    [TestCase("ZIMAGE_THREADS", "1025", "ZIMAGE_THREADS: '1025' is not a whole number from 0 to 1024", "correct it or unset it; 0 is all threads")]
    [TestCase("ZIMAGE_DEVICE", "gpu", "ZIMAGE_DEVICE: 'gpu' is not one of auto, cpu, cuda, cuda:N", "correct it or unset it")]
    public async Task A_wrong_variable_is_told_by_its_own_name(string variable, string value, string error, string hint)
    {
        cli.Environment[variable] = value;

        Check(await cli.GenerateAsync("-p", "a", "-o", cli.File("x.png")), error, hint);
    }

    [TestCase("1,2,3,4,5,6", "torch-cpu", "--shape: 6 extents; a tensor has at most 5", "`generate --latents` takes four: pictures, channels, height / 8, width / 8")]
    [TestCase("65536,65536", "torch-cpu", "--shape: 65536,65536 has more elements than fit one file of noise", "make several files of fewer pictures each")]
    [TestCase("8,16,2048,2049", "torch-cuda", "--shape: 8,16,2048,2049 has more elements than fit one file of noise", "make several files of fewer pictures each")]
    public async Task An_impossible_shape_of_noise(string shape, string rng, string error, string hint) =>
        Check(await cli.RunAsync("noise", "-s", "1", "--shape", shape, "--rng", rng, "-o", cli.File("n.safetensors")), error, hint);

    [Test]
    public async Task A_read_only_file()
    {
        string path = cli.File("x.png");
        await File.WriteAllTextAsync(path, "mine");
        File.SetAttributes(path, FileAttributes.ReadOnly);

        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "-o", path, "--force");
        File.SetAttributes(path, FileAttributes.Normal);

        Check(outcome, $"--output: '{path}' is read-only", "choose another name, or make the file writable");
    }

    [Test]
    public async Task A_dump_folder_that_cannot_be_one()
    {
        string path = cli.File("file");
        await File.WriteAllTextAsync(path, "mine");

        CliOutcome file = await cli.GenerateAsync("-p", "a", "-o", cli.File("x.png"), "--dump-tensors", path);
        CliOutcome within = await cli.GenerateAsync("-p", "a", "-o", cli.File("x.png"), "--dump-tensors", Path.Combine(path, "dump"));
        CliOutcome empty = await cli.GenerateAsync("-p", "a", "-o", cli.File("x.png"), "--dump-tensors", "");

        Check(file, $"--dump-tensors: '{path}' is a file, not a folder", "name another folder; it is made where it is missing");
        Assert.That(within.Error, Does.StartWith($"error: --dump-tensors: '{Path.Combine(path, "dump")}' cannot be created: "));
        Assert.That(within.Error, Does.EndWith("\nhint: check the path, its permissions and the free space\n"));
        Check(empty, "--dump-tensors: the folder name is empty", "name the folder, or leave the option out");
    }

    [Test]
    public async Task Latents_of_another_shape_and_values_that_are_no_numbers()
    {
        string flat = cli.File("flat.safetensors");
        SafetensorsWriter.Write(flat, [new("latents", new HostTensor(new float[6], new Shape(2, 3)))]);
        string broken = cli.File("broken.safetensors");
        SafetensorsWriter.Write(broken, [new("latents", new HostTensor([0, float.NaN], new Shape(1, 1, 1, 2)))]);

        Check(
            await cli.GenerateAsync("-p", "a", "--latents", flat, "-o", cli.File("x.png")),
            $"{flat}: `latents` has the shape [2, 3]; it must be [n, channels, height / 8, width / 8]",
            "`zimage noise` and `zimage generate --save-latents` write such files");
        Check(
            await cli.GenerateAsync("-p", "a", "--latents", broken, "-o", cli.File("x.png")),
            $"{broken}: value 1 of `latents` is NaN, which is not finite",
            "make the file again; what wrote it has overflowed, or the file is broken");
    }

    [Test]
    public async Task Embeddings_of_another_shape_or_number()
    {
        string cube = cli.File("cube.safetensors");
        SafetensorsWriter.Write(cube, [new("prompt_embeds", new HostTensor(new float[6], new Shape(1, 2, 3)))]);
        string uneven = cli.File("uneven.safetensors");
        HostTensor one = new(new float[6], new Shape(2, 3));
        SafetensorsWriter.Write(uneven, [new("prompt_embeds.0", one), new("prompt_embeds.1", one), new("negative_prompt_embeds.0", one)]);
        const string Hint = "`zimage generate --save-prompt-embeds` writes such files";

        Check(
            await cli.GenerateAsync("--prompt-embeds", cube, "-o", cli.File("x.png")), $"{cube}: a `prompt_embeds` has the shape [1, 2, 3]; it must be [tokens, width]", Hint);
        Check(
            await cli.GenerateAsync("--prompt-embeds", uneven, "-o", cli.File("x.png")),
            $"{uneven}: 2 `prompt_embeds` and 1 `negative_prompt_embeds`; there must be as many, or no negative ones",
            Hint);
    }

    [TestCase("{\"a\": 1}")]
    [TestCase("[]")]
    [TestCase("null")]
    [TestCase("no JSON")]
    public async Task A_file_that_is_no_report_of_bench(string text)
    {
        string path = cli.File("a.json");
        await File.WriteAllTextAsync(path, text);

        CliOutcome outcome = await cli.RunAsync("bench", "--report", path);

        Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((2, "")));
        Assert.That(outcome.Error, Does.StartWith($"error: {path} is no report of `zimage bench --json`: "));
        Assert.That(outcome.Error, Does.EndWith("\nhint: Name files that `zimage bench --json` has written.\n"));
    }

    private static void Check(CliOutcome outcome, string error, string hint) =>
        Assert.That((outcome.ExitCode, outcome.Out, outcome.Error), Is.EqualTo((2, "", $"error: {error}\nhint: {hint}\n")));
}
