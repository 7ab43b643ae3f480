using System.Text.Json.Nodes;
using NUnit.Framework;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

/// <summary>The section of our own in model_index.json: defaults, and parts that a checkpoint shares with the one beside it.</summary>
public sealed class ModelIndexTests
{
    private GoldenCheckpoint whole = null!;
    private string partial = null!;

    [SetUp]
    public void MakeFolders()
    {
        whole = new GoldenCheckpoint("tiny-turbo");
        partial = Path.Combine(Path.GetDirectoryName(whole.Path)!, "partial");
        Directory.CreateDirectory(partial);
        Directory.Move(Path.Combine(whole.Path, "transformer"), Path.Combine(partial, "transformer"));
        WriteIndex(new JsonObject { ["shared_parts"] = Path.GetFileName(whole.Path) });
    }

    [TearDown]
    public void DeleteFolders() => whole.Dispose();

    [Test]
    public async Task Checkpoint_with_shared_parts_draws_the_picture_of_the_whole_one()
    {
        GenerationRequest request = new("a red circle") { Width = 32, Height = 32, Steps = 1, Guidance = 0, Seed = 1 };
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(partial, new PipelineOptions { Device = "cpu" });
        await using ZImagePipeline golden = await ZImagePipeline.LoadAsync(GoldenCheckpoint.PathOf("tiny-turbo"), new PipelineOptions { Device = "cpu" });
        byte[] expected = (await golden.GenerateAsync(request)).Images[0].Image.Rgb;
        Assert.That((await pipeline.GenerateAsync(request)).Images[0].Image.Rgb, Is.EqualTo(expected));
        Assert.That(pipeline.ModelName, Is.EqualTo("partial"));
        Assert.That(ModelFolder.FindTokenizer(partial), Is.EqualTo(Path.Combine(whole.Path, "tokenizer")));
    }

    [TestCase(32, 48, false)]
    [TestCase(48, 32, false)]
    [TestCase(16, 32, true)]
    [TestCase(32, 64, true)]
    public async Task A_size_that_the_training_had_none_of_is_warned_of(int width, int height, bool isWarned)
    {
        WriteIndex(new JsonObject { ["shared_parts"] = Path.GetFileName(whole.Path), ["trained_sizes"] = new JsonArray(32, 48) });
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(partial, new PipelineOptions { Device = "cpu" });
        GenerationResult result = await pipeline.GenerateAsync(new GenerationRequest("a red circle") { Width = width, Height = height, Steps = 1, Guidance = 0 });
        Assert.That(result.Warnings.Except(pipeline.Warnings), isWarned ? Has.One.Contains($"at {width}x{height}").And.One.Contains("32 to 48 pixels") : Is.Empty);
    }

    [TestCase(32, 48, null)]
    [TestCase(96, 64, null)]
    [TestCase(48, 32, "32x48")]
    [TestCase(96, 80, "96x64")]
    [TestCase(16, 16, "32 to 96 pixels", 32)]
    [TestCase(16, 16, "32x48")]
    public void Size_between_those_that_were_learnt_is_warned_of_with_the_nearest(int width, int height, string? said, int least = 16)
    {
        WriteIndex(new JsonObject
        {
            ["shared_parts"] = Path.GetFileName(whole.Path),
            ["trained_sizes"] = new JsonArray(least, 96),
            ["only_sizes"] = new JsonArray("96x64", "32x48"),
        });
        string? warning = ModelFolder.Open(partial).WarningOf(width, height);
        Assert.That(warning, said is null ? Is.Null : Does.Contain($"{width}x{height}").And.Contain(said));
    }

    [Test]
    public void Part_of_its_own_wins_over_the_shared_one()
    {
        Directory.CreateDirectory(Path.Combine(partial, "scheduler"));
        File.WriteAllText(Path.Combine(partial, "scheduler", "scheduler_config.json"), """{"shift":6.0}""");
        ModelFolder model = ModelFolder.Open(partial);
        Assert.That((model.Scheduler.Shift, model.DefaultSteps, model.DefaultGuidance), Is.EqualTo((6.0, 28, 4f)));
    }

    [TestCase("""{"steps":28,"guidance":3.5}""", 28, 3.5f, false)]
    [TestCase("""{"guidance":3}""", 28, 3f, false)]
    [TestCase("""{"steps":6}""", 6, 0f, true)]
    [TestCase("""{"guidance":0}""", 8, 0f, true)]
    [TestCase("{}", 8, 0f, true)]
    public void Defaults_of_the_index_win_over_name_and_shift(string own, int steps, float guidance, bool distilled)
    {
        JsonObject section = JsonNode.Parse(own)!.AsObject();
        section["shared_parts"] = Path.GetFileName(whole.Path);
        WriteIndex(section);
        ModelFolder model = ModelFolder.Open(partial);
        Assert.That(model.Scheduler.Shift, Is.EqualTo(3.0));
        Assert.That((model.DefaultSteps, model.DefaultGuidance, model.IsTurbo), Is.EqualTo((steps, guidance, distilled)));
    }

    [TestCase("")]
    [TestCase(".")]
    [TestCase("..")]
    [TestCase("../{0}")]
    [TestCase("x/../{0}")]
    [TestCase("x\\{0}")]
    [TestCase("/etc")]
    [TestCase("C:nano")]
    [TestCase("{0}\0")]
    public void Shared_parts_are_a_plain_name_and_never_a_path(string name)
    {
        WriteIndex(new JsonObject { ["shared_parts"] = string.Format(System.Globalization.CultureInfo.InvariantCulture, name, Path.GetFileName(whole.Path)) });
        Assert.That(() => ModelFolder.Open(partial), Throws.TypeOf<ModelFormatException>().With.Message.Contains("_zimage.shared_parts").And.Message.Contains("plain name"));
    }

    [Test]
    public void Shared_folder_that_is_absent_is_named_with_what_to_do()
    {
        WriteIndex(new JsonObject { ["shared_parts"] = "nowhere" });
        Assert.That(
            () => ModelFolder.Open(partial),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains("there is no folder").And.Message.Contains("nowhere").And.Property("Hint").Contains("beside"));
    }

    [Test]
    public void Part_that_neither_folder_has_is_named_with_both_folders()
    {
        Directory.Delete(Path.Combine(whole.Path, "vae"), recursive: true);
        Assert.That(
            () => ModelFolder.Open(partial),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains("no vae/").And.Message.Contains(partial).And.Message.Contains(whole.Path));
    }

    [Test]
    public void Index_of_the_shared_folder_is_not_followed()
    {
        // The shared folder points back: what it lacks is missing, and nothing turns in a circle.
        whole.EditJson("model_index.json", index => index["_zimage"] = new JsonObject { ["shared_parts"] = "partial" });
        Directory.Move(Path.Combine(partial, "transformer"), Path.Combine(partial, "elsewhere"));
        Assert.That(() => ModelFolder.Open(partial), Throws.TypeOf<ModelFormatException>().With.Message.Contains("no transformer/"));
    }

    [TestCase("""{"steps":0}""", "_zimage.steps")]
    [TestCase("""{"guidance":-1}""", "_zimage.guidance")]
    [TestCase("""{"shared_parts":1}""", "_zimage.shared_parts")]
    [TestCase("""{"trained_sizes":[192]}""", "_zimage.trained_sizes")]
    [TestCase("""{"trained_sizes":[512,192]}""", "_zimage.trained_sizes")]
    [TestCase("""{"trained_sizes":[0,192]}""", "_zimage.trained_sizes")]
    [TestCase("""{"trained_sizes":"192"}""", "_zimage.trained_sizes")]
    [TestCase("""{"only_sizes":"256x256"}""", "_zimage.only_sizes")]
    [TestCase("""{"only_sizes":["256"]}""", "_zimage.only_sizes")]
    [TestCase("""{"only_sizes":["256x0"]}""", "_zimage.only_sizes")]
    [TestCase("""{"only_sizes":["256x99999"]}""", "_zimage.only_sizes")]
    [TestCase("""{"only_sizes":[[256,256]]}""", "_zimage.only_sizes")]
    [TestCase("[]", "_zimage")]
    public void Wrong_values_are_refused_by_name(string own, string key)
    {
        File.WriteAllText(Path.Combine(partial, "model_index.json"), $$"""{"_class_name":"ZImagePipeline","_zimage":{{own}}}""");
        Assert.That(() => ModelFolder.Open(partial), Throws.TypeOf<ModelFormatException>().With.Message.Contains(key));
    }

    private void WriteIndex(JsonObject own) =>
        File.WriteAllText(Path.Combine(partial, "model_index.json"), new JsonObject { ["_class_name"] = "ZImagePipeline", ["_zimage"] = own }.ToJsonString());
}
