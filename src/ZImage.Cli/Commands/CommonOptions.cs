using System.CommandLine;
using System.Globalization;
using ZImage.Sampling;
using ZImage.Weights;

namespace ZImage.Cli.Commands;

/// <summary>Options that several commands have, made the same way everywhere.</summary>
internal static class CommonOptions
{
    /// <summary>The environment's twin of <c>--tokenizer</c>, for synthetic checkpoints.</summary>
    public const string TokenizerVariable = "ZIMAGE_QWEN3_TOKENIZER";

    public static Option<string> Model() =>
        Text("--model", "-m", "DIR", "Checkpoint folder in the diffusers layout, or synthetic:turbo:K [default: the bundled miniature] [env: ZIMAGE_MODEL]");

    public static Option<string> Tokenizer() => Text(
        "--tokenizer", null, "DIR", $"Folder with tokenizer.json to use instead of the checkpoint's; the variable serves synthetic checkpoints only, which have none [env: {TokenizerVariable}]");

    /// <summary>The tokenizer to use: the option; for a checkpoint without one, what the environment names; null for the checkpoint's own.</summary>
    public static string? TokenizerFolder(string? option, string model, Func<string, string?> environment) =>
        option is not null ? option
        : SyntheticCheckpoint.IsName(model) && environment(TokenizerVariable) is { Length: > 0 } folder ? folder
        : null;

    public static Option<string> Transformer() => Text(
        "--transformer", null, "FILE", "Transformer from one .safetensors file (diffusers, ComfyUI or original names) in place of the folder's");

    public static Option<string> Device() =>
        Text("--device", null, "NAME", "auto, cpu, cuda or cuda:N; auto is the first usable GPU, else cpu [default: auto] [env: ZIMAGE_DEVICE]");

    public static Option<string> Precision() => new("--precision")
    {
        Description = "On a GPU bf16, or f32 for comparisons [default: bf16]",
        HelpName = "NAME",
    };

    /// <summary>The precision: the option, then bf16. Checked here as the device is: a wrong word is a wrong argument and no fault of the device.</summary>
    public static string Precision(string? option) => option switch
    {
        null => "bf16",
        "bf16" or "f32" => option,
        _ => throw new UsageException($"--precision: '{option}' is not one of bf16, f32", "use bf16 or f32"),
    };

    public static Option<double?> MemoryLimit() => Number("--memory-limit", 0.001, 1e6, "GiB of GPU memory to use at most [default: all that is free]");

    /// <summary>GiB as bytes.</summary>
    public static long? Bytes(double? gibibytes) => gibibytes is double value ? (long)(value * (1L << 30)) : null;

    public static Option<bool> Json() => Flag("--json", "Write one JSON object to standard output, and errors as JSON to standard error");

    public static Option<bool> Force() => Flag("--force", "Overwrite existing files");

    public static Option<ulong?> Seed(string description) => new("--seed", "-s")
    {
        Description = description,
        HelpName = "SEED",
        CustomParser = Parsers.Seed,
    };

    public static Option<NoiseGenerator?> Rng() => new("--rng")
    {
        Description = "Whose random numbers the seed stands for: torch-cpu or torch-cuda [default: torch-cpu]",
        HelpName = "NAME",
        CustomParser = Parsers.Word(("torch-cpu", NoiseGenerator.TorchCpu), ("torch-cuda", NoiseGenerator.TorchCuda)),
    };

    public static Option<int?> RngMultiprocessors() => Int(
        "--rng-multiprocessors", null, 1, 65535, "Multiprocessors of the GPU that torch-cuda repeats [default: 132, an H100 or H200]");

    public static Option<string> Text(string name, string? alias, string helpName, string description) =>
        new(name, Aliases(alias)) { Description = description, HelpName = helpName };

    public static Option<int?> Int(string name, string? alias, int minimum, int maximum, string description) =>
        new(name, Aliases(alias)) { Description = description, HelpName = "N", CustomParser = Parsers.Int(minimum, maximum) };

    public static Option<double?> Number(string name, double minimum, double maximum, string description) =>
        new(name) { Description = description, HelpName = "X", CustomParser = Parsers.Number(minimum, maximum) };

    public static Option<bool> Flag(string name, string description, string? alias = null) =>
        new(name, Aliases(alias)) { Description = description, Arity = ArgumentArity.Zero };

    /// <summary>The number of threads: the option, then ZIMAGE_THREADS, then 0 for all.</summary>
    public static int Threads(int? option, Func<string, string?> environment)
    {
        string? text = environment("ZIMAGE_THREADS");
        if (option is not null || string.IsNullOrEmpty(text))
        {
            return option ?? 0;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value <= 1024
            ? value
            : throw new UsageException($"ZIMAGE_THREADS: '{text}' is not a whole number from 0 to 1024", "correct it or unset it; 0 is all threads");
    }

    /// <summary>The device: the option, then ZIMAGE_DEVICE, then auto.</summary>
    public static string Device(string? option, Func<string, string?> environment)
    {
        string? variable = environment("ZIMAGE_DEVICE");
        string device = option ?? (string.IsNullOrEmpty(variable) ? "auto" : variable);
        bool known = device is "auto" or "cpu" or "cuda"
            || (device.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _));
        return known ? device : throw new UsageException(
            $"{(option is null ? "ZIMAGE_DEVICE" : "--device")}: '{device}' is not one of auto, cpu, cuda, cuda:N",
            option is null ? "correct it or unset it" : "use one of them, such as cuda:1 for the second GPU");
    }

    private static string[] Aliases(string? alias) => alias is null ? [] : [alias];
}
