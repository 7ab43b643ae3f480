using System.Text.Json;
using System.Text.Json.Serialization;
using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Text;
using ZImage.Vae;

namespace ZImage.Weights;

/// <summary>What a checkpoint is made of: the answer to <c>zimage info</c>.</summary>
public sealed record ModelInfo
{
    /// <summary>The folder or file.</summary>
    public required string Path { get; init; }

    /// <summary>The pipeline class that model_index.json names; null without.</summary>
    public string? PipelineClass { get; init; }

    /// <summary>Whether the model is distilled for few steps without guidance; null for a single file.</summary>
    public bool? IsTurbo { get; init; }

    /// <summary>Steps where a request does not say; null for a single file.</summary>
    public int? DefaultSteps { get; init; }

    /// <summary>Guidance where a request does not say; null for a single file.</summary>
    public float? DefaultGuidance { get; init; }

    /// <summary>The text encoder's config; null for a single file.</summary>
    public Qwen3Config? TextEncoder { get; init; }

    /// <summary>The transformer's config; null for a single file.</summary>
    public ZImageTransformerConfig? Transformer { get; init; }

    /// <summary>The VAE's config; null for a single file.</summary>
    public AutoencoderKlConfig? Vae { get; init; }

    /// <summary>The scheduler's config; null for a single file.</summary>
    public SchedulerConfig? Scheduler { get; init; }

    /// <summary>The parts that have weights.</summary>
    public required IReadOnlyList<PartInfo> Parts { get; init; }

    /// <summary>Parameters of all parts.</summary>
    public long ParameterCount => Parts.Sum(part => part.ParameterCount);

    /// <summary>Size of all weight files in bytes; of a synthetic checkpoint, of its tensors.</summary>
    public long FileBytes => Parts.Sum(part => part.Files.Count > 0 ? part.Files.Sum(file => file.Bytes) : part.Bytes);

    /// <summary>Reads a model folder, a single .safetensors file of any kind, or a synthetic checkpoint. Only headers and configs are read.</summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="listTensors">Whether every tensor is listed.</param>
    /// <param name="transformerFile">A single file to use instead of the folder's transformer; null for the folder's own.</param>
    /// <exception cref="ModelFormatException">Missing or broken files.</exception>
    public static ModelInfo Read(string path, bool listTensors = false, string? transformerFile = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (File.Exists(path))
        {
            using WeightFiles file = WeightFiles.OpenFile(path);
            return new ModelInfo { Path = path, Parts = [PartInfo.From(System.IO.Path.GetFileName(path), null, file, listTensors)] };
        }

        ModelFolder folder = ModelFolder.Open(path, transformerFile);
        using PartWeights textEncoder = folder.OpenTextEncoder();
        using PartWeights transformer = folder.OpenTransformer();
        using PartWeights vae = folder.OpenVae();
        return new ModelInfo
        {
            Path = path,
            PipelineClass = folder.PipelineClass,
            IsTurbo = folder.IsTurbo,
            DefaultSteps = folder.DefaultSteps,
            DefaultGuidance = folder.DefaultGuidance,
            TextEncoder = folder.TextEncoder,
            Transformer = folder.Transformer,
            Vae = folder.Vae,
            Scheduler = folder.Scheduler,
            Parts =
            [
                PartInfo.From("text_encoder", "Qwen3Model", textEncoder, listTensors),
                PartInfo.From("transformer", "ZImageTransformer2DModel", transformer, listTensors),
                PartInfo.From("vae", "AutoencoderKL", vae, listTensors),
            ],
        };
    }

    /// <summary>What a run on the processor needs; null for a single file.</summary>
    /// <inheritdoc cref="MemoryPlan.ForCpu" path="/param"/>
    /// <inheritdoc cref="MemoryPlan.ForCpu" path="/exception"/>
    public MemoryEstimate? EstimateMemory(int width, int height, int batch) =>
        Transformer is null || TextEncoder is null || Vae is null ? null : MemoryPlan.ForCpu(Transformer, TextEncoder, Vae, FileBytes, width, height, batch);

    /// <summary>This tree as indented JSON with names in snake_case.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ModelInfoJson.Default.ModelInfo);
}

/// <summary>One part of a checkpoint.</summary>
/// <param name="Name">Its folder, or the file's name.</param>
/// <param name="ClassName">Its class in the reference; null for a single file.</param>
/// <param name="TensorCount">Number of tensors as stored.</param>
/// <param name="ParameterCount">Number of their elements.</param>
/// <param name="Bytes">Size of their elements in bytes.</param>
/// <param name="Types">The same by stored type, the largest first.</param>
/// <param name="Files">The weight files.</param>
/// <param name="Tensors">Every tensor by name, where asked for; else null.</param>
public sealed record PartInfo(
    string Name,
    string? ClassName,
    int TensorCount,
    long ParameterCount,
    long Bytes,
    IReadOnlyList<TypeInfo> Types,
    IReadOnlyList<WeightFileInfo> Files,
    IReadOnlyList<TensorInfo>? Tensors)
{
    /// <summary>Counts what is in a part's files, or in its tensors where it has no files.</summary>
    internal static PartInfo From(string name, string? className, PartWeights weights, bool listTensors) => weights.Files is { } files
        ? From(name, className, files, listTensors)
        : From(
            name,
            className,
            [.. weights.Tensors.Select(pair => (new TensorInfo(pair.Key, pair.Value.TypeName, pair.Value.Shape.ToArray(), weights.Location), pair.Value.Shape.Count, pair.Value.View.Bytes))],
            [],
            listTensors);

    /// <summary>Counts what is in the files.</summary>
    internal static PartInfo From(string name, string? className, WeightFiles weights, bool listTensors)
    {
        List<(TensorInfo, long, long)> entries = [];
        foreach (SafetensorsFile file in weights.Files)
        {
            string fileName = System.IO.Path.GetFileName(file.Path);
            entries.AddRange(file.Entries.Select(entry =>
                (new TensorInfo(entry.Name, entry.TypeName, entry.Shape.ToArray(), fileName), entry.Shape.Count, entry.Bytes)));
        }

        return From(
            name, className, entries, [.. weights.Files.Select(file => new WeightFileInfo(System.IO.Path.GetFileName(file.Path), file.FileBytes))], listTensors);
    }

    private static PartInfo From(
        string name, string? className, List<(TensorInfo Info, long Count, long Bytes)> entries, IReadOnlyList<WeightFileInfo> files, bool listTensors) => new(
            name,
            className,
            entries.Count,
            entries.Sum(item => item.Count),
            entries.Sum(item => item.Bytes),
            [.. entries.GroupBy(item => item.Info.Type).Select(group => new TypeInfo(
                group.Key, group.Count(), group.Sum(item => item.Count), group.Sum(item => item.Bytes))).OrderByDescending(type => type.Bytes)],
            files,
            listTensors ? [.. entries.Select(item => item.Info).OrderBy(info => info.Name, StringComparer.Ordinal)] : null);
}

/// <summary>How much of a part is stored in one type.</summary>
/// <param name="Type">The type as the files spell it.</param>
/// <param name="TensorCount">Number of tensors.</param>
/// <param name="ParameterCount">Number of their elements.</param>
/// <param name="Bytes">Size of their elements in bytes.</param>
public sealed record TypeInfo(string Type, int TensorCount, long ParameterCount, long Bytes);

/// <summary>One weight file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length in bytes.</param>
public sealed record WeightFileInfo(string Name, long Bytes);

/// <summary>One tensor as stored.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">Its type as the file spells it.</param>
/// <param name="Shape">Its extents, outermost first.</param>
/// <param name="File">The file that holds it.</param>
public sealed record TensorInfo(string Name, string Type, IReadOnlyList<int> Shape, string File);

/// <summary>JSON for <see cref="ModelInfo"/>, made at compile time.</summary>
[JsonSourceGenerationOptions(
    GenerationMode = JsonSourceGenerationMode.Serialization | JsonSourceGenerationMode.Metadata,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    WriteIndented = true)]
[JsonSerializable(typeof(ModelInfo))]
[JsonSerializable(typeof(MemoryEstimate))]
public sealed partial class ModelInfoJson : JsonSerializerContext;
