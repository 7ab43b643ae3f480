using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ZImage.Imaging;

/// <content>The exact form.</content>
public sealed partial record GenerationMetadata
{
    private const string OursOnly = "Only pictures that zimage saved with metadata can be drawn again; texts of other tools are not read.";

    /// <summary>The record as JSON on one line; characters of any script stand as they are.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, MetadataSerializer.Readable.GenerationMetadata);

    /// <summary>Reads what <see cref="ToJson"/> gave.</summary>
    /// <exception cref="InvalidRequestException">Broken or foreign JSON, or a layout of a later version.</exception>
    public static GenerationMetadata FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using (JsonDocument document = JsonDocument.Parse(json))
            {
                CheckFormat(document.RootElement);
            }

            GenerationMetadata metadata = JsonSerializer.Deserialize(json, MetadataSerializer.Readable.GenerationMetadata)!;
            return metadata.HasSense() ? metadata : throw Broken("its values make no sense");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The second one is for escapes that are no text, such as half a surrogate pair.
            throw Broken(error.Message, error);
        }
    }

    /// <summary>Reads the record from a picture's file.</summary>
    /// <exception cref="ImageFormatException">The file is missing, broken, or no PNG.</exception>
    /// <exception cref="InvalidRequestException">The picture holds no record, or a broken one.</exception>
    public static GenerationMetadata FromFile(string path)
    {
        IReadOnlyList<PngText> texts = PngReader.ReadText(path);
        return FromTexts(texts, Path.GetFileName(path));
    }

    /// <summary>Reads the record from a picture's texts.</summary>
    /// <param name="texts">All texts of the file.</param>
    /// <param name="name">What error messages call the picture.</param>
    /// <exception cref="InvalidRequestException">The picture holds no record, or a broken one.</exception>
    public static GenerationMetadata FromTexts(IReadOnlyList<PngText> texts, string name = "The picture")
    {
        ArgumentNullException.ThrowIfNull(texts);
        foreach (PngText text in texts)
        {
            if (text.Keyword == Keyword)
            {
                return FromJson(text.Text);
            }
        }

        bool foreign = texts.Any(text => text.Keyword is ParametersKeyword or "prompt" or "workflow" or "sd-metadata" or "invokeai_metadata");
        throw new InvalidRequestException(
            foreign ? $"{name} holds settings of another tool, not of zimage." : $"{name} holds no settings.", OursOnly);
    }

    private static void CheckFormat(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("format", out JsonElement format)
            || format.ValueKind != JsonValueKind.Number
            || !format.TryGetInt32(out int number))
        {
            throw new InvalidRequestException("The metadata is not of zimage: it has no \"format\" number.", OursOnly);
        }

        if (number != CurrentFormat)
        {
            throw new InvalidRequestException(
                $"The metadata has format {number}; this version reads format {CurrentFormat}.", "Use the version of zimage that drew the picture, or a newer one.");
        }
    }

    // What a picture cannot have been drawn with. Limits of a model are the pipeline's to check.
    private bool HasSense() =>
        Prompts is not null && !Prompts.Contains(null!) && PromptCount > 0
        && Version is not null && Model is not null && Device is not null
        && Width > 0 && Height > 0 && Steps > 0 && MaxSequenceLength > 0
        && ImagesPerPrompt > 0 && Index >= 0 && Index < (long)PromptCount * ImagesPerPrompt
        && RngMultiprocessors is null or > 0
        && HasSense(InitImage) && HasSense(Latents)
        && (PromptEmbeds ?? []).All(HasSense) && (NegativePromptEmbeds ?? []).All(HasSense);

    private static bool HasSense(ExternalFile? file) => file is null || (file.Name is not null && file.Sha256 is not null);

    private static InvalidRequestException Broken(string why, Exception? cause = null) =>
        new($"The metadata is broken: {why}", "The picture's file was changed after it was saved; give the settings as options.", cause);
}

/// <summary>Enums as <c>torch-cpu</c>.</summary>
internal sealed class KebabCaseEnumConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false)
    where T : struct, Enum;

/// <summary>Serialisers that are generated at build time, because the tool is compiled ahead of time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(GenerationMetadata))]
[JsonSerializable(typeof(string))]
internal sealed partial class MetadataJson : JsonSerializerContext;

/// <summary>The serialisers with the options that a generator attribute cannot give.</summary>
internal static class MetadataSerializer
{
    /// <summary>Without escapes for other scripts: the text goes into a file, never into a web page.</summary>
    public static MetadataJson Readable { get; } =
        new(new JsonSerializerOptions(MetadataJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
