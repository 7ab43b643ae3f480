using NUnit.Framework;
using ZImage.Sampling;
namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class ArgumentTests
{
    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCase("generate --stpes 4", "unknown option '--stpes'", "did you mean '--steps'?")]
    [TestCase("generate -p x --bogus-thing", "unknown option '--bogus-thing'", "`zimage generate --help` lists the options")]
    [TestCase("generate --stpes=4", "unknown option '--stpes'", "did you mean '--steps'?")]
    [TestCase("generate a-prompt", "unexpected argument 'a-prompt'", "a prompt goes after -p, in quotes if it has spaces")]
    [TestCase("generate -p red fox", "unexpected argument 'fox'", "a prompt goes after -p, in quotes if it has spaces")]
    [TestCase("gnerate -p x", "unknown command 'gnerate'", "did you mean 'generate'?")]
    [TestCase("gen -p x", "unknown command 'gen'", "did you mean 'generate'?")]
    [TestCase("info --tensrs", "unknown option '--tensrs'", "did you mean '--tensors'?")]
    [TestCase("info a b", "unexpected argument 'b'", "`zimage info --help` shows the usage")]
    [TestCase("", "no command given", "`zimage --help` lists the commands")]
    [TestCase("generate -p x -o --force", "'--output' needs a value, and '--force' follows", "if that is the value, write --output='--force'")]
    [TestCase("generate -p -o a.png", "'--prompt' needs a value, and '-o' follows", "if that is the value, write --prompt='-o'")]
    [TestCase("generate -p -it's -o a.png", "'--prompt' needs a value, and '-it's' follows", "if that is the value, write --prompt='-it'\\''s'")]
    [TestCase("generate -p x -w 64", "unknown option '-w'", "did you mean '-W'?")]
    [TestCase("generate -p x -n 3", "unknown option '-n'", "`zimage generate --help` lists the options")]
    [TestCase("generate -p x -hi", "unknown option '-hi'", "`zimage generate --help` lists the options")]
    [TestCase("generate -p x --cfg 3", "unknown option '--cfg'", "did you mean '--guidance'? It is cfg - 1: a cfg of 4 is --guidance 3")]
    [TestCase("generate -p x --cfg-scale=3", "unknown option '--cfg-scale'", "did you mean '--guidance'? It is cfg - 1: a cfg of 4 is --guidance 3")]
    [TestCase("generate -p x --guidance_scale 3", "unknown option '--guidance_scale'", "did you mean '--guidance'? It is the guidance_scale of diffusers' Z-Image pipeline, which is cfg - 1")]
    [TestCase("generate -p x --num-inference-steps 3", "unknown option '--num-inference-steps'", "did you mean '--steps'?")]
    [TestCase("generate -p x --cfg-t 3", "unknown option '--cfg-t'", "did you mean '--cfg-truncation'?")]
    [TestCase("info --cfg", "unknown option '--cfg'", "`zimage info --help` lists the options")]
    [TestCase("generate -p", "Required argument missing for option: '-p'.", "`zimage generate --help` lists the options")]
    [TestCase("noise --shape 1,2 -o x", "Option '--seed' is required.", "`zimage noise --help` lists the options")]
    [TestCase("generate", "no prompt", "say what to draw: zimage generate -p \"a red fox in fresh snow\"")]
    [TestCase("generate --prompt-ids 1 --prompt-embeds f", "--prompt-ids and --prompt-embeds exclude each other", "leave one of them out")]
    [TestCase("generate -p a -p b --prompt-ids 1", "--prompt-ids stands for one prompt, and 2 are given", "give one -p or none; draw other ids in a run of their own")]
    [TestCase("generate -p a --strength 0.5", "--strength needs a picture to start from", "add --image FILE")]
    [TestCase("generate -p a --posterior mean", "--posterior needs a picture to start from", "add --image FILE")]
    [TestCase("generate -p a --steps 3 --sigmas 1,0.5", "--steps 3 and 2 --sigmas contradict each other", "leave --steps out")]
    [TestCase("generate -p a --device gpu", "--device: 'gpu' is not one of auto, cpu, cuda, cuda:N", "use one of them, such as cuda:1 for the second GPU")]
    [TestCase("generate -p a -m . --precision fp8", "--precision: 'fp8' is not one of bf16, f32", "use bf16 or f32")]
    [TestCase("bench --device cpu --precision BF16", "--precision: 'BF16' is not one of bf16, f32", "use bf16 or f32")]
    public async Task A_wrong_command_line_is_refused_on_standard_error_with_exit_code_2(string line, string error, string hint)
    {
        CliOutcome outcome = await cli.RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(2));
            Assert.That(outcome.Out, Is.Empty);
            Assert.That(outcome.Error, Is.EqualTo($"error: {error}\nhint: {hint}\n"));
            Assert.That(cli.Engine.LoadedPath, Is.Null);
        }
    }

    [TestCase("--steps", "0", "is not a whole number from 1 to 1000")]
    [TestCase("--steps", "1001", "is not a whole number from 1 to 1000")]
    [TestCase("--steps", "4.5", "is not a whole number from 1 to 1000")]
    [TestCase("--count", "0", "is not a whole number from 1 to 64")]
    [TestCase("--count", "65", "is not a whole number from 1 to 64")]
    [TestCase("-W", "0", "is not a whole number from 1 to 65536")]
    [TestCase("-H", "-16", "is not a whole number from 1 to 65536")]
    [TestCase("--guidance", "NaN", "is not a number of at least 0")]
    [TestCase("--guidance", "Infinity", "is not a number of at least 0")]
    [TestCase("--guidance", "1e999", "is not a number of at least 0")]
    [TestCase("--guidance", "-1", "is not a number of at least 0")]
    [TestCase("--guidance", "3,5", "is not a number of at least 0")]
    [TestCase("--cfg-normalization", "nan", "is not a number of at least 0")]
    [TestCase("--cfg-truncation", "x", "is not a number of at least 0")]
    [TestCase("--strength", "1.5", "is not a number from 0 to 1")]
    [TestCase("--sigmas", "1,NaN", "is not a number; numbers are separated by commas")]
    [TestCase("--sigmas", "1,,0.5", "is not a number; numbers are separated by commas")]
    [TestCase("--seed", "-1", "is not a whole number from 0 to 18446744073709551615")]
    [TestCase("--seed", "18446744073709551616", "is not a whole number from 0 to 18446744073709551615")]
    [TestCase("--seed", "0x10", "is not a whole number from 0 to 18446744073709551615")]
    [TestCase("--prompt-ids", "1,-2", "is not a whole number of at least 0; numbers are separated by commas")]
    [TestCase("--rng", "numpy", "is not one of torch-cpu, torch-cuda")]
    [TestCase("--posterior", "mode", "is not one of sample, mean")]
    [TestCase("--threads", "-1", "is not a whole number from 0 to 1024")]
    public async Task A_number_out_of_range_is_refused(string option, string value, string reason)
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", option, value);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(2));
            Assert.That(outcome.Error, Does.StartWith("error: --").And.Contains(reason));
            Assert.That(cli.Engine.LoadedPath, Is.Null);
        }
    }

    [TestCase("-p=-50% off", "-50% off")]
    [TestCase("--prompt=--force", "--force")]
    [TestCase("-p=@file", "@file")]
    [TestCase("-p=a=b:c", "a=b:c")]
    public async Task An_attached_prompt_is_taken_as_it_stands(string argument, string prompt)
    {
        CliOutcome outcome = await cli.GenerateAsync(argument, "-o", cli.File("x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(cli.Engine.Request!.Prompts, Is.EqualTo(new[] { prompt }));
        }
    }

    [TestCase("-p=")]
    [TestCase("--prompt=")]
    [TestCase("-p= \t\n")]
    [TestCase("-p", "")]
    [TestCase("-p", "a fox", "-p", "")]
    [TestCase("-p", "-")]
    public async Task An_empty_prompt_is_refused(params string[] prompt)
    {
        CliOutcome outcome = await cli.GenerateAsync([.. prompt, "-o", cli.File("x.png")]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(2));
            Assert.That(outcome.Error, Does.StartWith("error: --prompt: the prompt is empty\nhint: say what to draw"));
            Assert.That((cli.Engine.LoadedPath, cli.Files()), Is.EqualTo(((string?)null, Array.Empty<string>())));
        }
    }

    [TestCase("--image")]
    [TestCase("--from-image")]
    [TestCase("--latents")]
    [TestCase("--prompt-embeds")]
    [TestCase("--transformer")]
    [TestCase("--output")]
    [TestCase("--tokenizer", "folder")]
    public async Task An_empty_file_name_is_refused(string option, string kind = "file")
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", option, "");

        Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((2, $"error: {option}: the {kind} name is empty\nhint: name the {kind}, or leave the option out\n")));
    }

    [TestCase("generate", "-p", "a", "--save-latents", "-")]
    [TestCase("noise", "-s", "1", "--shape", "1,16,4,4", "-o", "-")]
    [TestCase("info", "--transformer", "")]
    public async Task What_no_file_can_be_called_is_refused(params string[] args)
    {
        CliOutcome outcome = await cli.RunAsync(args[0] == "noise" ? args : [.. args, "-m", cli.Model]);

        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Error);
        Assert.That(outcome.Error, Does.Match("^error: --[a-z-]+: (standard output takes a picture only|the file name is empty)\nhint: name "));
    }

    [Test]
    public async Task An_attached_empty_value_is_empty_and_not_the_next_option()
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "--guidance", "2", "--negative-prompt=", "-o", cli.File("x.png"));

        Assert.That((outcome.ExitCode, cli.Engine.Request!.NegativePrompt), Is.EqualTo((0, "")));
    }

    [Test]
    public async Task A_prompt_that_begins_with_an_at_sign_is_no_response_file()
    {
        await File.WriteAllTextAsync(cli.File("args.txt"), "--steps 3");
        string prompt = "@" + cli.File("args.txt");

        CliOutcome outcome = await cli.GenerateAsync("-p", prompt, "-o", cli.File("x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(cli.Engine.Request!.Prompts, Is.EqualTo(new[] { prompt }));
            Assert.That(cli.Engine.Request.Steps, Is.Null);
        }
    }

    [Test]
    public async Task Every_option_reaches_the_request()
    {
        CliOutcome outcome = await cli.GenerateAsync(
            "-p", "a", "-p", "b", "-W", "64", "-H", "48", "--sigmas", "1,0.5", "--guidance", "3.5", "--negative-prompt", "n",
            "--cfg-normalization", "0.25", "--cfg-truncation", "0.75", "-s", "18446744073709551615", "--rng", "torch-cuda", "--rng-multiprocessors", "78",
            "--count", "2", "--threads", "3", "--device", "cpu", "--allow-unknown-tensors", "-o", cli.File("x.png"));

        GenerationRequest request = cli.Engine.Request!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(request.Prompts, Is.EqualTo(new[] { "a", "b" }));
            Assert.That((request.Width, request.Height, request.Steps), Is.EqualTo(((int?)64, (int?)48, (int?)null)));
            Assert.That(request.Sigmas, Is.EqualTo(new[] { 1f, 0.5f }));
            Assert.That((request.Guidance, request.NegativePrompt), Is.EqualTo(((double?)3.5, "n")));
            Assert.That((request.CfgNormalization, request.CfgTruncation), Is.EqualTo((0.25, 0.75)));
            Assert.That((request.Seed, request.Rng, request.RngMultiprocessors), Is.EqualTo(((ulong?)ulong.MaxValue, NoiseGenerator.TorchCuda, 78)));
            Assert.That(request.ImagesPerPrompt, Is.EqualTo(2));
            Assert.That(cli.Engine.LoadedPath, Is.EqualTo(cli.Model));
            Assert.That(cli.Engine.Options, Is.EqualTo(new PipelineOptions { Device = "cpu", Threads = 3, AllowUnknownTensors = true }));
        }
    }

    [Test]
    public async Task The_environment_stands_in_for_options_that_are_not_given()
    {
        cli.Environment["ZIMAGE_MODEL"] = cli.Model;
        cli.Environment["ZIMAGE_THREADS"] = "5";
        cli.Environment["ZIMAGE_DEVICE"] = "cpu";

        CliOutcome outcome = await cli.RunAsync("generate", "-p", "a", "-o", cli.File("x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(cli.Engine.LoadedPath, Is.EqualTo(cli.Model));
            Assert.That(cli.Engine.Options, Is.EqualTo(new PipelineOptions { Device = "cpu", Threads = 5 }));
        }
    }

    [Test]
    public async Task Completions_come_from_the_suggest_directive()
    {
        CliOutcome outcome = await cli.RunAsync("[suggest:14]", "generate --neg");

        Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((0, "--negative-prompt\n")));
    }
}
