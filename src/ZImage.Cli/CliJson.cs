using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace ZImage.Cli;

/// <summary>What <c>--json</c> writes: one object a run, names in snake_case, times in milliseconds with the suffix <c>_ms</c>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorJson))]
[JsonSerializable(typeof(GenerateJson))]
[JsonSerializable(typeof(TokenizeJson))]
[JsonSerializable(typeof(NoiseJson))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>One line of JSON; prompts stay readable in every script.</summary>
    public static string Line<T>(T value, JsonTypeInfo<T> type)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        return System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }
}

/// <summary>An error on standard error.</summary>
internal sealed record ErrorJson(ErrorBody Error);

/// <summary>See <see cref="Failure"/>.</summary>
internal sealed record ErrorBody(string Code, string Message, string? Hint);

/// <summary>The result of <c>generate</c>.</summary>
internal sealed record GenerateJson
{
    /// <summary>Grows when the meaning of a field changes.</summary>
    public int SchemaVersion { get; init; } = 1;

    public required string Model { get; init; }

    public required IReadOnlyList<ImageJson> Images { get; init; }

    public required ulong? Seed { get; init; }

    public required int? Width { get; init; }

    public required int? Height { get; init; }

    public required int? Steps { get; init; }

    public required double? Guidance { get; init; }

    public string? Latents { get; init; }

    public string? PromptEmbeds { get; init; }

    public required TimingsJson Timings { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>One written picture.</summary>
internal sealed record ImageJson(string Path, int Index, int PromptIndex, int Width, int Height);

/// <summary>Wall-clock times in milliseconds.</summary>
internal sealed record TimingsJson(
    double LoadMs, double TextEncoderMs, double ImageEncoderMs, double DenoisingMs, double DecoderMs, double WriteMs, double TotalMs);

/// <summary>The result of <c>tokenize</c>.</summary>
internal sealed record TokenizeJson(IReadOnlyList<TokenizedPromptJson> Prompts);

/// <summary>One prompt, templated and cut into tokens.</summary>
internal sealed record TokenizedPromptJson(string Prompt, string Text, int Count, IReadOnlyList<int> Ids);

/// <summary>The result of <c>noise</c>.</summary>
internal sealed record NoiseJson(string Path, string Tensor, IReadOnlyList<int> Shape, ulong Seed, string Rng);
