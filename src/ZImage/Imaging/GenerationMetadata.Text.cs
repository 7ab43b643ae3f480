using System.Globalization;
using System.Text;
using System.Text.Json;

namespace ZImage.Imaging;

/// <content>The text that other tools read.</content>
public sealed partial record GenerationMetadata
{
    /// <summary>Keyword of the text chunk that holds <see cref="ToParametersText"/>.</summary>
    public const string ParametersKeyword = "parameters";

    /// <summary>Keyword of the text chunk that holds <see cref="ToJson"/>.</summary>
    public const string Keyword = "zimage";

    /// <summary>The text chunks of the picture: one for other tools, one for ours.</summary>
    public IReadOnlyList<PngText> ToChunks() => [new(ParametersKeyword, ToParametersText()), new(Keyword, ToJson())];

    /// <summary>
    /// The settings in the form of AUTOMATIC1111's web interface, which galleries and other tools show: the prompt, a line with the negative
    /// prompt, a line of comma-separated settings. Other tools count guidance from 1, so <c>CFG scale</c> is our guidance plus 1
    /// (1 is off), and <c>Guidance</c> is ours. It is meant for reading; <see cref="ToJson"/> is exact.
    /// </summary>
    public string ToParametersText()
    {
        var text = new StringBuilder();
        text.Append(PromptIndex < Prompts.Count ? Prompts[PromptIndex] : "");
        if (!string.IsNullOrEmpty(NegativePrompt))
        {
            text.Append("\nNegative prompt: ").Append(NegativePrompt);
        }

        text.Append("\nSteps: ").Append(Number(Steps));
        Add(text, "Sampler", "Euler flow");
        Add(text, "CFG scale", Number(Guidance > 0 ? Guidance + 1 : 1));
        Add(text, "Guidance", Number(Guidance));
        Add(text, "Seed", Number(Seed));
        Add(text, "Size", $"{Number(Width)}x{Number(Height)}");
        Add(text, "Model", Model);
        if (Strength is { } strength)
        {
            Add(text, "Denoising strength", Number(strength));
        }

        if (PromptCount * ImagesPerPrompt > 1)
        {
            Add(text, "Batch size", Number(PromptCount * ImagesPerPrompt));
            Add(text, "Batch pos", Number(Index));
        }

        Add(text, "RNG", Rng == Sampling.NoiseGenerator.TorchCuda ? "torch-cuda" : "torch-cpu");
        Add(text, "Version", $"zimage {Version}");

        // A PNG text cannot hold NUL.
        return text.Replace('\0', '\uFFFD').ToString();
    }

    private static void Add(StringBuilder text, string key, string value) => text.Append(", ").Append(key).Append(": ").Append(Quote(value));

    // The form's own rule: a value that holds one of its separators is written as a JSON string.
    private static string Quote(string value) =>
        value.AsSpan().IndexOfAny(",:\n") < 0 ? value : JsonSerializer.Serialize(value, MetadataSerializer.Readable.String);

    private static string Number<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}
