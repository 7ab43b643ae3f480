using System.Text.Json;
using NUnit.Framework;
using ZImage.Cli;
using ZImage.Imaging;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Cli;

/// <summary>The whole tool with the real engine and a golden checkpoint: from argv to files.</summary>
[TestFixture]
internal sealed class EndToEndTests
{
    private static readonly string Turbo = GoldenCheckpoint.PathOf("tiny-turbo");
    private static readonly string Base = GoldenCheckpoint.PathOf("tiny-base");

    private CliRunner cli = null!;

    [SetUp]
    public void SetUp() => cli = new CliRunner { RealEngine = new PipelineEngine() };

    [TearDown]
    public void TearDown() => cli.Dispose();

    [Test]
    public async Task A_prompt_becomes_the_picture_that_the_library_draws()
    {
        CliOutcome outcome = await Draw("-o", cli.File("a.png"), "--save-latents", cli.File("latents.safetensors"));
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(Turbo);
        GenerationResult expected = await pipeline.GenerateAsync(new GenerationRequest("a red circle") { Width = 48, Height = 32, Steps = 2, Seed = 7 });

        ImageBuffer picture = ImageReader.Read(cli.File("a.png"));
        using SafetensorsFile latents = SafetensorsFile.Open(cli.File("latents.safetensors"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
            Assert.That(outcome.Out, Is.EqualTo($"{cli.File("a.png")}\n{cli.File("latents.safetensors")}\n"));
            Assert.That((picture.Width, picture.Height), Is.EqualTo((48, 32)));
            Assert.That(picture.Rgb, Is.EqualTo(expected.Images[0].Image.Rgb));
            Assert.That(latents.Entries.Select(e => $"{e.Name} {e.TypeName} {e.Shape}"), Is.EqualTo(new[] { "latents F32 [1, 16, 4, 6]" }));
            Assert.That(HostFloats.Copy(latents["latents"]), Is.EqualTo(expected.Latents.Values));
        }
    }

    [Test]
    public async Task Noise_from_a_file_draws_what_its_seed_draws()
    {
        await Tool("noise", "-s", "7", "--shape", "1,16,4,6", "-o", cli.File("noise.safetensors"));
        await Draw("-o", cli.File("seed.png"), "--no-metadata");
        CliOutcome outcome = await Tool(
            "generate", "-m", Turbo, "-p", "a red circle", "-W", "48", "-H", "32", "--steps", "2", "--latents", cli.File("noise.safetensors"), "-q",
            "-o", cli.File("file.png"), "--no-metadata");

        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(Bytes("file.png"), Is.EqualTo(Bytes("seed.png")));
    }

    [Test]
    public async Task Saved_latents_and_embeddings_are_taken_back()
    {
        await Draw("-o", cli.File("a.png"), "--no-metadata", "--save-latents", cli.File("l.safetensors"), "--save-prompt-embeds", cli.File("e.safetensors"));
        CliOutcome latents = await Draw("-o", cli.File("b.png"), "--latents", cli.File("l.safetensors"), "--save-latents", cli.File("l2.safetensors"));
        CliOutcome embeds = await Tool(
            "generate", "-m", Turbo, "--prompt-embeds", cli.File("e.safetensors"), "-W", "48", "-H", "32", "--steps", "2", "-s", "7", "-q",
            "-o", cli.File("c.png"), "--no-metadata", "--save-prompt-embeds", cli.File("e2.safetensors"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(latents.ExitCode, Is.Zero, latents.Error);
            Assert.That(Bytes("l2.safetensors"), Is.Not.EqualTo(Bytes("l.safetensors")), "the final latents were the noise of another run");
            Assert.That(embeds.ExitCode, Is.Zero, embeds.Error);
            Assert.That(Bytes("c.png"), Is.EqualTo(Bytes("a.png")));
            Assert.That(Bytes("e2.safetensors"), Is.EqualTo(Bytes("e.safetensors")));
        }
    }

    [Test]
    public async Task Embeddings_of_both_sides_replace_prompt_and_negative_prompt()
    {
        string[] common = ["generate", "-m", Base, "-W", "32", "-H", "32", "--steps", "2", "-s", "7", "--guidance", "3", "-q", "--no-metadata"];
        await Tool([.. common, "-p", "a fox", "-p", "two owls in a tree", "--negative-prompt", "rain", "-o", cli.File("a.png"), "--save-prompt-embeds", cli.File("e.safetensors")]);
        CliOutcome outcome = await Tool([.. common, "--prompt-embeds", cli.File("e.safetensors"), "-o", cli.File("b.png")]);

        using SafetensorsFile file = SafetensorsFile.Open(cli.File("e.safetensors"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(
                file.Entries.Select(e => e.Name).Order(StringComparer.Ordinal),
                Is.EqualTo(new[] { "negative_prompt_embeds.0", "negative_prompt_embeds.1", "prompt_embeds.0", "prompt_embeds.1" }));
            Assert.That(Bytes("b-1.png"), Is.EqualTo(Bytes("a-1.png")));
            Assert.That(Bytes("b-2.png"), Is.EqualTo(Bytes("a-2.png")));
        }
    }

    [Test]
    public async Task The_ids_that_tokenize_prints_draw_what_their_prompt_draws()
    {
        CliOutcome tokens = await Tool("tokenize", "-m", Turbo, "-p", "一只戴着草帽的猫, watercolour", "--json");
        JsonElement prompt = tokens.Json().GetProperty("prompts")[0];
        string ids = string.Join(',', prompt.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        string[] common = ["generate", "-m", Turbo, "-W", "32", "-H", "48", "--steps", "2", "-s", "7", "-q", "--no-metadata"];
        await Tool([.. common, "-p", "一只戴着草帽的猫, watercolour", "-o", cli.File("text.png")]);
        CliOutcome outcome = await Tool([.. common, "--prompt-ids", ids, "-o", cli.File("ids.png")]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(prompt.GetProperty("text").GetString(), Is.EqualTo("<|im_start|>user\n一只戴着草帽的猫, watercolour<|im_end|>\n<|im_start|>assistant\n"));
            Assert.That(prompt.GetProperty("count").GetInt32(), Is.EqualTo(prompt.GetProperty("ids").GetArrayLength()));
            Assert.That(Bytes("ids.png"), Is.EqualTo(Bytes("text.png")));
        }
    }

    [Test]
    public async Task Every_stage_is_dumped_and_the_last_step_holds_the_saved_latents()
    {
        CliOutcome outcome = await Draw("-o", cli.File("a.png"), "--dump-tensors", cli.File("dump"), "--save-latents", cli.File("l.safetensors"));

        using SafetensorsFile latents = SafetensorsFile.Open(cli.File("l.safetensors"));
        using SafetensorsFile last = SafetensorsFile.Open(Path.Combine(cli.File("dump"), "transformer.step-02.safetensors"));
        using SafetensorsFile text = SafetensorsFile.Open(Path.Combine(cli.File("dump"), "text_encoder.safetensors"));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
            Assert.That(
                Directory.GetFiles(cli.File("dump")).Select(Path.GetFileName).Order(StringComparer.Ordinal),
                Is.EqualTo(new[]
                {
                    "text_encoder.safetensors", "transformer.plan.safetensors", "transformer.step-01.safetensors", "transformer.step-02.safetensors",
                    "transformer.text.safetensors", "vae_decoder.safetensors",
                }));
            Assert.That(HostFloats.Copy(last["latents"]), Is.EqualTo(HostFloats.Copy(latents["latents"])));
            Assert.That(last.Contains("layers.0.attention.to_q") && last.Contains("noise_refiner.0.feed_forward"), "blocks by the reference's names");
            Assert.That(text.Entries, Is.Not.Empty);
        }

        CliOutcome again = await Draw("-o", cli.File("b.png"), "--dump-tensors", cli.File("dump"));
        Assert.That((again.ExitCode, File.Exists(cli.File("b.png"))), Is.EqualTo((2, false)), "a dump is not overwritten without --force");
    }

    [Test]
    public async Task Json_is_one_object_with_these_fields_and_nothing_else_is_written()
    {
        CliOutcome outcome = await Draw("-o", cli.File("a.png"), "--count", "2", "--json");

        JsonElement json = outcome.Json();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Error), Is.EqualTo((0, "")));
            Assert.That(
                json.EnumerateObject().Select(p => p.Name),
                Is.EqualTo(new[] { "schema_version", "model", "images", "seed", "width", "height", "steps", "guidance", "timings", "warnings" }));
            Assert.That(json.GetProperty("model").GetString(), Is.EqualTo("tiny-turbo"));
            Assert.That(json.GetProperty("seed").GetUInt64(), Is.EqualTo(7));
            Assert.That(
                json.GetProperty("images").EnumerateArray().Select(image => image.GetRawText()),
                Is.EqualTo(Enumerable.Range(0, 2).Select(i =>
                    $$"""{"path":{{JsonSerializer.Serialize(cli.File($"a-{i + 1}.png"))}},"index":{{i}},"prompt_index":0,"width":48,"height":32}""")));
            Assert.That(
                json.GetProperty("timings").EnumerateObject().Select(p => p.Name),
                Is.EqualTo(new[] { "load_ms", "text_encoder_ms", "image_encoder_ms", "denoising_ms", "decoder_ms", "write_ms", "total_ms" }));
            Assert.That(json.GetProperty("timings").EnumerateObject().All(p => p.Value.GetDouble() >= 0));
        }
    }

    [Test]
    public async Task Standard_output_holds_the_path_and_standard_error_the_progress()
    {
        CliOutcome outcome = await Tool("generate", "-m", Turbo, "-p", "a", "-W", "32", "-H", "32", "--steps", "2", "-o", cli.File("a.png"));

        using (Assert.EnterMultipleScope())
        {
            Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((0, $"{cli.File("a.png")}\n")));
            Assert.That(outcome.Error, Does.Match(@"(?s)^seed \d+\nload .*\nloaded in .* s\nencode prompt 1/1, .*\nstep 2/2, .*\ndecode 1/1, .*\n$"));
        }
    }

    [Test]
    public async Task A_picture_streamed_to_standard_output_is_the_file_that_would_have_been_written()
    {
        CliOutcome streamed = await Draw("-o", "-");
        await Draw("-o", cli.File("a.png"));

        Assert.That((streamed.ExitCode, streamed.Out, streamed.Error), Is.EqualTo((0, "", "")));
        Assert.That(streamed.OutBytes, Is.EqualTo(Bytes("a.png")));
    }

    [Test]
    public async Task The_number_of_threads_changes_no_byte()
    {
        await Draw("-o", cli.File("one.png"), "--threads", "1");
        await Draw("-o", cli.File("three.png"), "--threads", "3");

        Assert.That(Bytes("three.png"), Is.EqualTo(Bytes("one.png")));
    }

    [Test]
    public async Task An_existing_file_is_kept_unless_forced()
    {
        await File.WriteAllTextAsync(cli.File("a.png"), "mine");
        CliOutcome refused = await Draw("-o", cli.File("a.png"));
        string kept = await File.ReadAllTextAsync(cli.File("a.png"));
        CliOutcome forced = await Draw("-o", cli.File("a.png"), "--force");

        using (Assert.EnterMultipleScope())
        {
            Assert.That((refused.ExitCode, kept), Is.EqualTo((2, "mine")));
            Assert.That(refused.Error, Does.Contain($"'{cli.File("a.png")}' exists").And.Contains("--force"));
            Assert.That(forced.ExitCode, Is.Zero);
            Assert.That(ImageReader.Read(cli.File("a.png")).Width, Is.EqualTo(48));
        }
    }

    [Test]
    public async Task Ctrl_C_in_the_middle_of_a_run_leaves_nothing()
    {
        using CancellationTokenSource source = new();
        cli.RealEngine = new InterruptedEngine(source);
        cli.Cancellation = source.Token;
        CliOutcome outcome = await Tool(
            "generate", "-m", Turbo, "-p", "a", "-W", "32", "-H", "32", "--steps", "500", "-q",
            "-o", cli.File("a.png"), "--save-latents", cli.File("l.safetensors"), "--save-prompt-embeds", cli.File("e.safetensors"));

        Assert.That((outcome.ExitCode, outcome.Out), Is.EqualTo((130, "")));
        Assert.That(cli.Files(), Is.Empty);
    }

    [TestCase(2, "multiple of 16", "-W", "40")]
    [TestCase(2, "absent.safetensors", "--latents", "absent.safetensors")]
    [TestCase(2, "absent.png does not exist", "-i", "absent.png")]
    [TestCase(2, "Token id 999999", "--prompt-ids", "1,999999")]
    [TestCase(5, "memory", "-W", "8192", "-H", "8192", "--count", "64")]
    public async Task A_refused_request_has_an_exit_code_a_hint_and_no_output(int exitCode, string message, params string[] options)
    {
        CliOutcome outcome = await Tool(["generate", "-m", Turbo, .. options.Contains("--prompt-ids") ? [] : new[] { "-p", "a" }, "--steps", "1", "-q", "-o", cli.File("a.png"), .. options]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(exitCode), outcome.Error);
            Assert.That(outcome.Error, Does.StartWith("error: ").And.Contains("\nhint: ").And.Contains(message));
            Assert.That((outcome.Out, cli.Files()), Is.EqualTo(("", Array.Empty<string>())));
        }
    }

    private Task<CliOutcome> Draw(params string[] args) =>
        Tool(["generate", "-m", Turbo, "-p", "a red circle", "-W", "48", "-H", "32", "--steps", "2", "-s", "7", "-q", .. args]);

    private Task<CliOutcome> Tool(params string[] args) => cli.RunAsync(args);

    private byte[] Bytes(string name) => File.ReadAllBytes(cli.File(name));

    /// <summary>The real engine under a user who presses Ctrl-C after the second step.</summary>
    private sealed class InterruptedEngine(CancellationTokenSource source) : IEngine
    {
        public async Task<IEngineSession> LoadAsync(string path, PipelineOptions options, CancellationToken cancellationToken) =>
            new Session(await new PipelineEngine().LoadAsync(path, options, cancellationToken), source);

        private sealed class Session(IEngineSession inner, CancellationTokenSource source) : IEngineSession, IProgress<GenerationProgress>
        {
            public string ModelName => inner.ModelName;

            public string DeviceName => inner.DeviceName;

            public IReadOnlyList<string> Warnings => inner.Warnings;

            public Task<GenerationResult> GenerateAsync(
                GenerationRequest request, IProgress<GenerationProgress>? progress, CancellationToken cancellationToken) =>
                inner.GenerateAsync(request, this, cancellationToken);

            public void Report(GenerationProgress value)
            {
                if (value is { Stage: GenerationStage.Denoising, Completed: 2 })
                {
                    source.Cancel();
                }
            }

            public ValueTask DisposeAsync() => inner.DisposeAsync();
        }
    }
}
