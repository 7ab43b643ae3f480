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
[JsonSerializable(typeof(DoctorJson))]
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

/// <summary>The result of <c>doctor</c>.</summary>
internal sealed record DoctorJson
{
    /// <summary>Grows when the meaning of a field changes.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Whether the GPU can be used and every operator passes.</summary>
    public bool Usable { get; init; }

    /// <summary>Why it cannot; null where it can.</summary>
    public string? Problem { get; init; }

    /// <summary>What to do about it.</summary>
    public string? Hint { get; init; }

    public required IReadOnlyList<LibraryJson> Libraries { get; init; }

    /// <summary>The newest CUDA that the driver runs; null without a driver.</summary>
    public string? Driver { get; init; }

    public int DeviceCount { get; init; }

    public DeviceJson? Device { get; init; }

    public CacheJson? Cache { get; init; }

    public KernelsJson? Kernels { get; init; }

    public IReadOnlyList<OperatorJson>? Operators { get; init; }
}

/// <summary>A native library: where it was loaded from, or what was tried.</summary>
internal sealed record LibraryJson(string Name, string? Path, string? Problem);

/// <summary>The device that was looked at.</summary>
internal sealed record DeviceJson(string Name, string ComputeCapability, int Multiprocessors, long TotalBytes, long FreeBytes);

/// <summary>The folder of compiled kernels and chosen algorithms.</summary>
internal sealed record CacheJson(string Folder, int Files, long Bytes);

/// <summary>How the kernels came to be.</summary>
internal sealed record KernelsJson(
    string Architecture, int Units, int FromCache, double Ms, IReadOnlyList<KernelUnitJson> Built, IReadOnlyList<string> Warnings);

/// <summary>A kernel file, or one of its parts: from the cache or compiled, and in what time.</summary>
internal sealed record KernelUnitJson(string Name, bool FromCache, double Ms);

/// <summary>An operator against the processor; the message stands in place of the numbers where it did not run.</summary>
internal sealed record OperatorJson(string Name, bool Passes, double? Error, double? Bound, string? Message);
