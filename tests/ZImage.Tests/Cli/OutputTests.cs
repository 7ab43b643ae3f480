using System.Text.Json;
using NUnit.Framework;
using ZImage.Imaging;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Cli;

[TestFixture]
internal sealed class OutputTests
{
    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner();

    [TearDown]
    public void TearDown() => cli.Dispose();

    [Test]
    public async Task Standard_output_holds_the_written_paths_and_nothing_else()
    {
        CliOutcome outcome = await cli.GenerateAsync(
            "-p", "a", "-p", "b", "-s", "7", "-o", cli.File("x.png"), "--save-latents", cli.File("l.safetensors"), "--save-prompt-embeds", cli.File("e.safetensors"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(
                outcome.Out.Split('\n'),
                Is.EqualTo(new[] { cli.File("x-1.png"), cli.File("x-2.png"), cli.File("l.safetensors"), cli.File("e.safetensors"), "" }));
            Assert.That(cli.Files(), Is.EqualTo(new[] { "e.safetensors", "l.safetensors", "x-1.png", "x-2.png" }));
        }
    }

    [Test]
    public async Task Saved_latents_and_embeddings_can_be_given_to_the_next_run()
    {
        string latents = cli.File("l.safetensors");
        string embeds = cli.File("e.safetensors");
        await cli.GenerateAsync(
            "-p", "a", "-p", "b", "--guidance", "2", "-o", cli.File("x.png"), "--save-latents", latents, "--save-prompt-embeds", embeds);

        CliOutcome outcome = await cli.GenerateAsync("--latents", latents, "--prompt-embeds", embeds, "-o", cli.File("y.png"));

        GenerationRequest request = cli.Engine.Request!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(request.Prompts, Is.EqualTo(new[] { "", "" }));
            Assert.That(request.Latents!.Shape, Is.EqualTo(new Shape(2, 16, 4, 4)));
            Assert.That(request.Latents.Values, Is.EqualTo(Enumerable.Range(0, 512).Select(i => i / 8f)));
            Assert.That(request.PromptEmbeds!.Select(e => e.Values), Is.EqualTo(new[] { new[] { 0f, 0.5f }, [1f, 0.5f] }));
            Assert.That(request.NegativePromptEmbeds!.Select(e => e.Values), Is.EqualTo(new[] { new[] { -1f }, [-2f] }));
        }
    }

    [TestCase("-o", "x.png", "--output")]
    [TestCase("--save-latents", "l.safetensors", "--save-latents")]
    [TestCase("--save-prompt-embeds", "e.safetensors", "--save-prompt-embeds")]
    public async Task An_existing_file_is_refused_before_loading_and_replaced_with_force(string option, string name, string shown)
    {
        await File.WriteAllTextAsync(cli.File(name), "mine");
        string[] line = ["-p", "a", "-o", cli.File("x.png"), option, cli.File(name)];
        line = option == "-o" ? ["-p", "a", option, cli.File(name)] : line;

        CliOutcome refused = await cli.GenerateAsync(line);
        string kept = await File.ReadAllTextAsync(cli.File(name));
        bool loaded = cli.Engine.LoadedPath is not null;
        CliOutcome forced = await cli.GenerateAsync([.. line, "--force"]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(refused.ExitCode, Is.EqualTo(2));
            Assert.That(refused.Error, Is.EqualTo($"error: {shown}: '{cli.File(name)}' exists\nhint: choose another name, or overwrite it with --force\n"));
            Assert.That((kept, loaded), Is.EqualTo(("mine", false)));
            Assert.That(forced.ExitCode, Is.Zero, forced.Error);
            Assert.That(new FileInfo(cli.File(name)).Length, Is.GreaterThan(4));
        }
    }

    [Test]
    public async Task A_missing_folder_is_refused_and_not_made()
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "-o", cli.File("new/x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(2));
            Assert.That(outcome.Error, Is.EqualTo($"error: --output: there is no folder '{cli.File("new")}'\nhint: create it first: mkdir -p '{cli.File("new")}'\n"));
            Assert.That(Directory.Exists(cli.File("new")), Is.False);
        }
    }

    [Test]
    public async Task The_same_file_twice_is_refused()
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "-o", cli.File("x.png"), "--save-latents", cli.File("x.png"));

        Assert.That((outcome.ExitCode, outcome.Error.Split('\n')[0]), Is.EqualTo((2, $"error: --save-latents: '{cli.File("x.png")}' is written twice by this command")));
    }

    [Test]
    public async Task A_dash_streams_the_picture_to_standard_output()
    {
        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "-o", "-", "--save-latents", cli.File("l.safetensors"));

        ImageBuffer picture = ImageReader.Read(outcome.OutBytes);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((0, "")));
            Assert.That((picture.Width, picture.Height), Is.EqualTo((FakeEngine.DefaultSide, FakeEngine.DefaultSide)));
            Assert.That(cli.Files(), Is.EqualTo(new[] { "l.safetensors" }));
        }
    }

    [Test]
    public async Task A_picture_is_not_streamed_to_a_terminal_nor_beside_json_nor_in_plural()
    {
        CliOutcome json = await cli.GenerateAsync("-p", "a", "-o", "-", "--json");
        CliOutcome plural = await cli.GenerateAsync("-p", "a", "-o", "-", "--count", "2");
        cli.IsOutputTerminal = true;
        CliOutcome terminal = await cli.GenerateAsync("-p", "a", "-o", "-");

        Assert.That(new[] { json, plural, terminal }.Select(o => (o.ExitCode, o.OutBytes.Length)), Is.All.EqualTo((2, 0)));
    }

    [Test]
    public async Task Json_is_one_object_with_paths_seed_and_times()
    {
        cli.Engine.LoadWarnings = ["loaded oddly"];
        cli.Engine.Warnings = ["the prompt was cut"];

        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "--count", "2", "-s", "7", "-W", "64", "--json", "-o", cli.File("x.png"));

        JsonElement json = outcome.Json();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
            Assert.That(
                json.EnumerateObject().Select(p => p.Name),
                Is.EqualTo(new[] { "schema_version", "model", "images", "seed", "width", "height", "steps", "guidance", "timings", "warnings" }));
            Assert.That(json.GetProperty("schema_version").GetInt32(), Is.EqualTo(1));
            Assert.That(json.GetProperty("model").GetString(), Is.EqualTo("fake-model"));
            Assert.That(json.GetProperty("images")[1].GetRawText(), Is.EqualTo(
                $$"""{"path":"{{cli.File("x-2.png")}}","index":1,"prompt_index":0,"width":64,"height":32}"""));
            Assert.That(json.GetProperty("seed").GetUInt64(), Is.EqualTo(7));
            Assert.That(
                json.GetProperty("timings").EnumerateObject().Select(p => p.Name),
                Is.EqualTo(new[] { "load_ms", "text_encoder_ms", "image_encoder_ms", "denoising_ms", "decoder_ms", "write_ms", "total_ms" }));
            Assert.That(json.GetProperty("timings").GetProperty("text_encoder_ms").GetDouble(), Is.EqualTo(1.5));
            Assert.That(json.GetProperty("warnings").EnumerateArray().Select(w => w.GetString()), Is.EqualTo(new[] { "loaded oddly", "the prompt was cut" }));
        }
    }

    [Test]
    public async Task Progress_goes_to_standard_error_and_quiet_silences_it_but_not_warnings()
    {
        cli.Engine.Warnings = ["the prompt was cut"];

        CliOutcome loud = await cli.GenerateAsync("-p", "a", "-s", "1", "-o", cli.File("x.png"));
        CliOutcome quiet = await cli.GenerateAsync("-p", "a", "-s", "1", "-q", "-o", cli.File("y.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(loud.Error, Does.Match("^load .*\nloaded in .* s\nencode prompt 1/1, 1.0 s since the start\nstep 8/8, 2.0 s since the start\nwarning: the prompt was cut\n$"));
            Assert.That(quiet.Error, Is.EqualTo("warning: the prompt was cut\n"));
        }
    }

    [Test]
    public async Task A_warning_of_loading_that_the_result_repeats_is_told_once()
    {
        cli.Engine.LoadWarnings = ["loaded oddly"];
        cli.Engine.Warnings = ["loaded oddly", "the prompt was cut"];

        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "-s", "1", "-q", "-o", cli.File("x.png"));

        Assert.That(outcome.Error, Is.EqualTo("warning: loaded oddly\nwarning: the prompt was cut\n"));
    }

    [Test]
    public async Task On_a_terminal_bars_show_steps_and_leave_standard_output_alone()
    {
        cli.IsErrorTerminal = true;
        cli.Environment["NO_COLOR"] = "1";

        CliOutcome outcome = await cli.GenerateAsync("-p", "a", "-s", "1", "-o", cli.File("x.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((0, cli.File("x.png") + "\n")));
            Assert.That(outcome.Error, Does.Contain("8/8"));
            Assert.That(outcome.Error, Does.Not.Match("\u001b\\[[0-9;]*m[^\u001b]*\u001b\\[[34]"), "no colours");
        }
    }

    [Test]
    public async Task A_drawn_seed_is_reported_and_names_the_file()
    {
        string before = Directory.GetCurrentDirectory();
        CliOutcome outcome = await cli.GenerateAsync("-p", "Red fox!", "-o", cli.Folder + Path.DirectorySeparatorChar);

        ulong seed = cli.Engine.Request!.Seed!.Value;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Directory.GetCurrentDirectory(), Is.EqualTo(before));
            Assert.That(outcome.Error, Does.StartWith($"seed {seed}\n"));
            Assert.That(cli.Files(), Is.EqualTo(new[] { $"Red-fox-{seed}.png" }).IgnoreCase);
        }
    }

    [Test]
    public async Task A_folder_that_is_there_takes_the_default_name_without_a_separator()
    {
        Directory.CreateDirectory(cli.File("out"));

        CliOutcome outcome = await cli.GenerateAsync("-p", "Red fox!", "-s", "3", "-o", cli.File("out"));

        Assert.That((outcome.ExitCode, string.Join(' ', cli.Files())), Is.EqualTo((0, Path.Combine("out", "Red-fox-3.png"))));
    }

    [Test]
    public async Task Tensor_dumps_get_their_folder_and_are_not_replaced_without_force()
    {
        string dump = cli.File("dump");
        CliOutcome first = await cli.GenerateAsync("-p", "a", "-o", cli.File("x.png"), "--dump-tensors", dump);
        using (HostStorage storage = new(8))
        {
            Tensor tensor = new(storage, DType.F32, new Shape(2));
            tensor.AsSpan<float>()[0] = 1;
            tensor.AsSpan<float>()[1] = 2;
            foreach (string stageRun in new[] { "transformer.step-01", "text_encoder", "text_encoder" })
            {
                using TensorDump probe = (TensorDump)cli.Engine.Options!.ProbeFactory!(stageRun);
                probe.Record("layers.0", tensor);
            }
        }

        CliOutcome second = await cli.GenerateAsync("-p", "a", "-o", cli.File("y.png"), "--dump-tensors", dump);

        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(dump, "transformer.step-01.safetensors"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.ExitCode, Is.Zero, first.Error);
            Assert.That(
                Directory.GetFiles(dump).Select(Path.GetFileName).Order(StringComparer.Ordinal),
                Is.EqualTo(new[] { "text_encoder.2.safetensors", "text_encoder.safetensors", "transformer.step-01.safetensors" }));
            Assert.That(file.Entries.Select(e => e.Name), Is.EqualTo(new[] { "layers.0" }));
            Assert.That((second.ExitCode, second.Error.Split('\n')[0]), Is.EqualTo((2, $"error: --dump-tensors: '{dump}' holds a dump already")));
        }
    }
}
