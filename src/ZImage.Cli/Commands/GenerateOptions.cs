using System.CommandLine;
using ZImage.Sampling;

namespace ZImage.Cli.Commands;

/// <summary>The options of <c>generate</c>: their names, ranges and help.</summary>
internal sealed class GenerateOptions
{
    private readonly Option<string[]> prompt = new("--prompt", "-p")
    {
        Description = "What to draw; several make one batch; - reads standard input. Write -p=TEXT if it begins with '-'",
        HelpName = "TEXT",
    };

    private readonly Option<string> model = CommonOptions.Model();
    private readonly Option<string> tokenizer = CommonOptions.Tokenizer();
    private readonly Option<string> transformer = CommonOptions.Transformer();
    private readonly Option<string> output = CommonOptions.Text(
        "--output", "-o", "FILE", "Picture to write (PNG), numbered where there are several, or a folder for the default name; - streams it [default: from prompt and seed]");

    private readonly Option<int?> width = CommonOptions.Int("--width", "-W", 1, 65536, "Width in pixels [default: the model's own]");
    private readonly Option<int?> height = CommonOptions.Int("--height", "-H", 1, 65536, "Height in pixels [default: the model's own]");
    private readonly Option<int?> steps = CommonOptions.Int("--steps", null, 1, 1000, "Denoising steps [default: the model's own]");
    private readonly Option<ulong?> seed = CommonOptions.Seed("Seed of the noise, 0 to 2^64 - 1 [default: random, reported]");
    private readonly Option<int?> count = CommonOptions.Int("--count", null, 1, 64, "Pictures per prompt [default: 1]");
    private readonly Option<double?> guidance = CommonOptions.Number(
        "--guidance", 0, double.MaxValue, "Guidance scale; 0 is off; other tools' cfg is this + 1 [default: the model's own]");

    private readonly Option<string> negativePrompt = CommonOptions.Text(
        "--negative-prompt", null, "TEXT", "What not to draw; needs guidance [default: empty]");

    private readonly Option<double?> cfgNormalization = CommonOptions.Number(
        "--cfg-normalization", 0, double.MaxValue, "Bound on the guided prediction's norm, as a multiple of the unguided one's; 0 is none [default: 0]");

    private readonly Option<double?> cfgTruncation = CommonOptions.Number(
        "--cfg-truncation", 0, double.MaxValue, "No guidance at times above this (0 noise, 1 picture) [default: 1]");

    private readonly Option<IReadOnlyList<float>?> sigmas = new("--sigmas")
    {
        Description = "Noise levels before shifting, such as 1,0.75,0.5,0.25, in place of even ones",
        HelpName = "LIST",
        CustomParser = Parsers.Floats,
    };

    private readonly Option<string> image = CommonOptions.Text("--image", "-i", "FILE", "Picture to start from (PNG, JPEG, BMP, TGA)");
    private readonly Option<double?> strength = CommonOptions.Number(
        "--strength", 0, 1, "How far to go from --image, 0 to 1 [default: 0.6]");

    private readonly Option<PosteriorMode?> posterior = new("--posterior")
    {
        Description = "What --image becomes: sample or mean of its latents [default: sample; mean with --latents]",
        HelpName = "NAME",
        CustomParser = Parsers.Word(("sample", PosteriorMode.Sample), ("mean", PosteriorMode.Mean)),
    };

    private readonly Option<string> fromImage = CommonOptions.Text(
        "--from-image", null, "PNG", "Repeat the settings stored in a picture of ours; options given beside it win");

    private readonly Option<NoiseGenerator?> rng = CommonOptions.Rng();
    private readonly Option<int?> rngMultiprocessors = CommonOptions.RngMultiprocessors();
    private readonly Option<string> latents = CommonOptions.Text(
        "--latents", null, "FILE", "Initial noise: safetensors with `latents` [n, channels, height / 8, width / 8] F32");

    private readonly Option<string> saveLatents = CommonOptions.Text(
        "--save-latents", null, "FILE", "Write the final latents as `latents` (safetensors)");

    private readonly Option<string> promptEmbeds = CommonOptions.Text(
        "--prompt-embeds", null, "FILE", "Embeddings in place of prompts: safetensors with `prompt_embeds.{i}` [tokens, width]");

    private readonly Option<string> savePromptEmbeds = CommonOptions.Text(
        "--save-prompt-embeds", null, "FILE", "Write `prompt_embeds.{i}` and `negative_prompt_embeds.{i}` (safetensors)");

    private readonly Option<IReadOnlyList<int>?> promptIds = new("--prompt-ids")
    {
        Description = "Token ids in place of the prompt, template included",
        HelpName = "LIST",
        CustomParser = Parsers.Ints(0),
    };

    private readonly Option<string> device = CommonOptions.Device();
    private readonly Option<string> precision = CommonOptions.Precision();
    private readonly Option<double?> memoryLimit = CommonOptions.MemoryLimit();
    private readonly Option<int?> threads = CommonOptions.Int(
        "--threads", null, 0, 1024, "Processor threads; 0 for all [default: 0] [env: ZIMAGE_THREADS]");

    private readonly Option<bool> allowUnknownTensors = CommonOptions.Flag(
        "--allow-unknown-tensors", "Warn about checkpoint tensors that the model does not know, instead of failing");

    private readonly Option<string> dumpTensors = CommonOptions.Text(
        "--dump-tensors", null, "DIR", "Write every named intermediate, one safetensors file per stage run");

    private readonly Option<bool> force = CommonOptions.Force();
    private readonly Option<bool> noMetadata = CommonOptions.Flag("--no-metadata", "Store no settings in the picture");
    private readonly Option<bool> json = CommonOptions.Json();
    private readonly Option<bool> quiet = CommonOptions.Flag("--quiet", "No progress", "-q");

    /// <summary>All of them, in the order of the help.</summary>
    public IEnumerable<Option> All =>
    [
        prompt, model, transformer, output, width, height, steps, seed, count, guidance, negativePrompt, cfgNormalization, cfgTruncation, sigmas,
        image, strength, posterior, fromImage, rng, rngMultiprocessors, latents, saveLatents, promptEmbeds, savePromptEmbeds, promptIds,
        device, precision, memoryLimit, threads, tokenizer, allowUnknownTensors, dumpTensors, force, noMetadata, json, quiet,
    ];

    /// <summary>What the command line says.</summary>
    public GenerateArguments Read(ParseResult parse, CommandContext context) => new()
    {
        Prompts = parse.GetValue(prompt) ?? [],
        NegativePrompt = parse.GetValue(negativePrompt),
        PromptIds = parse.GetValue(promptIds),
        Model = parse.GetValue(model),
        Tokenizer = parse.GetValue(tokenizer),
        Transformer = parse.GetValue(transformer),
        Width = parse.GetValue(width),
        Height = parse.GetValue(height),
        Steps = parse.GetValue(steps),
        Sigmas = parse.GetValue(sigmas),
        Guidance = parse.GetValue(guidance),
        CfgNormalization = parse.GetValue(cfgNormalization),
        CfgTruncation = parse.GetValue(cfgTruncation),
        Seed = parse.GetValue(seed),
        Rng = parse.GetValue(rng),
        RngMultiprocessors = parse.GetValue(rngMultiprocessors),
        Count = parse.GetValue(count),
        Latents = parse.GetValue(latents),
        PromptEmbeds = parse.GetValue(promptEmbeds),
        Image = parse.GetValue(image),
        Strength = parse.GetValue(strength),
        Posterior = parse.GetValue(posterior),
        FromImage = parse.GetValue(fromImage),
        Output = parse.GetValue(output),
        SaveLatents = parse.GetValue(saveLatents),
        SavePromptEmbeds = parse.GetValue(savePromptEmbeds),
        DumpTensors = parse.GetValue(dumpTensors),
        Force = parse.GetValue(force),
        NoMetadata = parse.GetValue(noMetadata),
        Device = CommonOptions.Device(parse.GetValue(device), context.Environment),
        Precision = CommonOptions.Precision(parse.GetValue(precision)),
        MemoryLimit = CommonOptions.Bytes(parse.GetValue(memoryLimit)),
        Threads = CommonOptions.Threads(parse.GetValue(threads), context.Environment),
        AllowUnknownTensors = parse.GetValue(allowUnknownTensors),
        Json = parse.GetValue(json),
        Quiet = parse.GetValue(quiet),
    };
}
