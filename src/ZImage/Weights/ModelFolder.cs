using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Text;
using ZImage.Vae;

namespace ZImage.Weights;

/// <summary>A checkpoint on disk, in the diffusers layout: its configs, checked against each other, and the way to its weights.</summary>
internal sealed class ModelFolder
{
    /// <summary>Weight file names of the transformer and the VAE.</summary>
    private const string DiffusersWeights = "diffusion_pytorch_model";

    /// <summary>Weight file names of the text encoder.</summary>
    private const string TransformersWeights = "model";

    private const string Layout =
        "A model folder holds text_encoder/ (config.json, *.safetensors), tokenizer/ (tokenizer.json), transformer/ (config.json, *.safetensors), "
        + "vae/ (config.json, *.safetensors) and scheduler/ (scheduler_config.json).";

    private readonly List<string> warnings = [];
    private readonly string? transformerFile;
    private readonly SyntheticCheckpoint? synthetic;
    private readonly ModelIndex? index;

    private ModelFolder(string path, string? transformerFile, ModelIndex index)
    {
        Path = path;
        this.transformerFile = transformerFile;
        this.index = index;
        PipelineClass = index.PipelineClass;

        // The text encoder's config carries much that is for training or for other models, so what is not known there tells nothing.
        TextEncoder = Qwen3Config.Read(ConfigReader.Open(InPart("text_encoder", "config.json")));
        Vae = ReadConfig("vae", "config.json", AutoencoderKlConfig.Read);
        Scheduler = ReadConfig("scheduler", "scheduler_config.json", SchedulerConfig.Read);
        Transformer = ReadTransformerConfig();
        IsTurbo = index.Guidance is { } guidance
            ? guidance == 0
            : IsTurboName(Name) || IsTurboName(index.NameOrPath) || Scheduler.Shift == 3.0;
        DefaultSteps = index.Steps ?? (IsTurbo ? 8 : 28);
        DefaultGuidance = index.Guidance ?? (IsTurbo ? 0 : 4);
        CheckParts();
    }

    private ModelFolder(SyntheticCheckpoint synthetic, string? transformerFile)
    {
        Path = synthetic.Name;
        this.synthetic = synthetic;
        this.transformerFile = transformerFile;
        PipelineClass = "ZImagePipeline";
        TextEncoder = synthetic.TextEncoder;
        Transformer = synthetic.Transformer;
        Vae = synthetic.Vae;
        Scheduler = synthetic.Scheduler;
        IsTurbo = true;
        DefaultSteps = 8;
    }

    /// <summary>The folder, or the name of a synthetic checkpoint.</summary>
    public string Path { get; }

    /// <summary>What the checkpoint calls itself: its folder's name.</summary>
    public string Name => synthetic?.Name ?? System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(Path)));

    /// <summary>Whether there is a tokenizer: a synthetic checkpoint has none.</summary>
    public bool HasTokenizer => synthetic is null;

    /// <summary>The pipeline class that model_index.json names; null without.</summary>
    public string? PipelineClass { get; }

    /// <summary>The transformer's config: transformer/config.json, or told from the tensors where there is none.</summary>
    public ZImageTransformerConfig Transformer { get; }

    /// <summary>text_encoder/config.json.</summary>
    public Qwen3Config TextEncoder { get; }

    /// <summary>vae/config.json.</summary>
    public AutoencoderKlConfig Vae { get; }

    /// <summary>scheduler/scheduler_config.json.</summary>
    public SchedulerConfig Scheduler { get; }

    /// <summary>What the configs say that the engine does not know, as sentences.</summary>
    public IReadOnlyList<string> Warnings => warnings;

    /// <summary>The folder with tokenizer.json, or vocab.json and merges.txt.</summary>
    public string TokenizerFolder => InPart("tokenizer", "");

    /// <summary>
    /// Whether the model is distilled for few steps without guidance. It is if model_index.json says guidance 0 (see <see cref="ModelIndex"/>).
    /// Where it says nothing of guidance: if <c>_name_or_path</c> in it or the folder's own name contains "turbo" (any case), or if the
    /// scheduler's shift is 3, the value of the published Turbo model. Anything else is not, such as the shift 6 of the published Base model: a
    /// model counts as distilled only where the checkpoint says so.
    /// </summary>
    public bool IsTurbo { get; }

    /// <summary>Steps where the request does not say: what model_index.json says; else 8 for Turbo and 28 for others.</summary>
    public int DefaultSteps { get; }

    /// <summary>Guidance where the request does not say: what model_index.json says; else 0 (off) for Turbo and 4 for others.</summary>
    public float DefaultGuidance { get; }

    /// <summary>What to say of a picture's size that the training had none of; null where there is nothing to say.</summary>
    public string? WarningOf(int width, int height) => index?.TrainedSizes?.WarningOf(Name, width, height);

    /// <summary>Reads and checks the configs of the checkpoint at <paramref name="path"/>. Weights are not opened yet.</summary>
    /// <param name="path">The folder, or <c>synthetic:SHAPE:K</c> (see <see cref="SyntheticCheckpoint"/>).</param>
    /// <param name="transformerFile">A single .safetensors file to use instead of the folder's transformer; null for the folder's own.</param>
    /// <exception cref="ModelFormatException">Not a checkpoint, or one with missing, broken or contradictory parts.</exception>
    public static ModelFolder Open(string path, string? transformerFile = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            throw new ModelFormatException("The path of the model folder is empty.", $"Name a folder. {Layout}");
        }

        if (SyntheticCheckpoint.IsName(path))
        {
            return new ModelFolder(SyntheticCheckpoint.Parse(path), transformerFile);
        }

        if (!Directory.Exists(path))
        {
            throw new ModelFormatException(File.Exists(path) ? $"{path}: this is a file, not a model folder." : $"{path}: there is no such folder.", Layout);
        }

        string[] parts = ["text_encoder", "tokenizer", "transformer", "vae", "scheduler"];
        if (!ModelIndex.IsIn(path) && !parts.Any(part => Directory.Exists(System.IO.Path.Combine(path, part))))
        {
            throw new ModelFormatException($"{path}: this is not a model folder.", Layout);
        }

        ModelIndex index = ModelIndex.Read(path);
        string[] absent = [.. parts.Where(part => !Directory.Exists(index.FolderOf(path, part)) && !(part == "transformer" && transformerFile is not null))];
        if (absent.Length > 0)
        {
            string shared = index.SharedParts is { } folder ? $", and neither has '{folder}', where its shared parts are" : "";
            throw new ModelFormatException($"{path}: the model has no {string.Join(", no ", absent.Select(part => part + "/"))}{shared}.", $"The download is incomplete. {Layout}");
        }

        return new ModelFolder(path, transformerFile, index);
    }

    /// <summary>The tokenizer's folder of the checkpoint at <paramref name="path"/>, of which nothing else is read; a folder that is a tokenizer itself will do as well.</summary>
    /// <exception cref="ModelFormatException">model_index.json is broken, or names shared parts that are not there.</exception>
    public static string FindTokenizer(string path)
    {
        string inner = ModelIndex.Read(path).FolderOf(path, "tokenizer");
        return Directory.Exists(inner) ? inner : path;
    }

    /// <summary>Opens the transformer's weights, under diffusers names whatever layout they have. The caller disposes them.</summary>
    /// <exception cref="ModelFormatException">Missing or broken files.</exception>
    public PartWeights OpenTransformer() => synthetic is not null && transformerFile is null ? synthetic.TransformerWeights() : new(
        "transformer",
        transformerFile is null ? WeightFiles.OpenFolder(InPart("transformer", ""), DiffusersWeights) : WeightFiles.OpenFile(transformerFile),
        NameMap.Transformer);

    /// <summary>Opens the text encoder's weights, without the prefix <c>model.</c>. The caller disposes them.</summary>
    /// <exception cref="ModelFormatException">Missing or broken files.</exception>
    public PartWeights OpenTextEncoder() => synthetic?.TextEncoderWeights()
        ?? new("text_encoder", WeightFiles.OpenFolder(InPart("text_encoder", ""), TransformersWeights), NameMap.TextEncoder);

    /// <summary>Opens the VAE's weights. The caller disposes them.</summary>
    /// <exception cref="ModelFormatException">Missing or broken files.</exception>
    public PartWeights OpenVae() => synthetic?.VaeWeights() ?? new("vae", WeightFiles.OpenFolder(InPart("vae", ""), DiffusersWeights));

    private string InPart(string part, string file) => System.IO.Path.Combine(index?.FolderOf(Path, part) ?? System.IO.Path.Combine(Path, part), file);

    private ZImageTransformerConfig ReadTransformerConfig()
    {
        string config = InPart("transformer", "config.json");
        if (File.Exists(config))
        {
            return ReadConfig("transformer", "config.json", ZImageTransformerConfig.Read);
        }

        using PartWeights weights = OpenTransformer();
        return ZImageTransformerConfig.Infer(weights.Tensors, weights.Location);
    }

    /// <summary>Reads a config; a key that is not known is reported, as it may ask for an arithmetic that the engine does not have.</summary>
    private T ReadConfig<T>(string part, string file, Func<ConfigReader, T> read)
    {
        ConfigReader config = ConfigReader.Open(InPart(part, file));
        T result = read(config);
        if (config.Unread is { Count: > 0 } keys)
        {
            warnings.Add($"{config.File} has keys that the engine does not know and does not use: {string.Join(", ", keys.Take(20).Select(SafetensorsHeader.Show))}.");
        }

        return result;
    }

    private static bool IsTurboName(string? name) => name?.Contains("turbo", StringComparison.OrdinalIgnoreCase) == true;

    private void CheckParts()
    {
        if (Transformer.TextDim != TextEncoder.HiddenSize)
        {
            throw new ModelFormatException(
                $"{Path}: the transformer takes text of width {Transformer.TextDim} (cap_feat_dim), but the text encoder gives {TextEncoder.HiddenSize} (hidden_size).",
                "The parts come from different models.");
        }

        if (Transformer.InChannels != Vae.LatentChannels)
        {
            throw new ModelFormatException(
                $"{Path}: the transformer works on {Transformer.InChannels} latent channels (in_channels), but the VAE has {Vae.LatentChannels} (latent_channels).",
                "The parts come from different models.");
        }

        if (!File.Exists(InPart("tokenizer", "tokenizer.json"))
            && !(File.Exists(InPart("tokenizer", "vocab.json")) && File.Exists(InPart("tokenizer", "merges.txt"))))
        {
            throw new ModelFormatException($"{TokenizerFolder}: there is no tokenizer.json, and no vocab.json with merges.txt.", "The download is incomplete; fetch the missing files.");
        }
    }
}
