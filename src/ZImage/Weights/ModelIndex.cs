namespace ZImage.Weights;

/// <summary>
/// model_index.json: the pipeline's class and name, as diffusers writes them, and a section of our own, <c>_zimage</c>, which diffusers skips as
/// it does every key that begins with an underscore:
/// <code>"_zimage": { "shared_parts": "nano", "steps": 28, "guidance": 4.0, "trained_sizes": [192, 512], "only_sizes": ["256x256", "384x256"] }</code>
/// <c>shared_parts</c> names the folder beside this one that has the parts this one lacks; <c>steps</c> and <c>guidance</c> are the defaults of
/// requests; <c>trained_sizes</c> and <c>only_sizes</c> are told of at <see cref="TrainedSizes"/>. Every key may be absent.
/// </summary>
internal sealed class ModelIndex
{
    private const string FileName = "model_index.json";
    private const int MaxSteps = 1000;
    private const double MaxGuidance = 100;

    private ModelIndex(string folder, ConfigReader? file)
    {
        PipelineClass = file?.OptionalString("_class_name");
        if (PipelineClass is { } name && !name.StartsWith("ZImage", StringComparison.Ordinal))
        {
            throw file!.Error("_class_name", $"is '{SafetensorsHeader.Show(name)}'; expected is 'ZImagePipeline'", "This is a model of another kind.");
        }

        NameOrPath = file?.OptionalString("_name_or_path");
        if (file?.Section("_zimage") is { } own)
        {
            Steps = own.OptionalInt32("steps", 1, MaxSteps);
            Guidance = (float?)own.OptionalNumber("guidance", 0, MaxGuidance);
            TrainedSizes = TrainedSizes.Read(own);
            SharedParts = own.OptionalString("shared_parts") is { } beside ? Beside(folder, beside, own) : null;
        }
    }

    /// <summary>The pipeline class; null where the file does not say or is absent.</summary>
    public string? PipelineClass { get; }

    /// <summary>Where the model was loaded from when it was saved; null where the file does not say.</summary>
    public string? NameOrPath { get; }

    /// <summary>Steps where a request does not say; null where the file does not say either.</summary>
    public int? Steps { get; }

    /// <summary>Guidance where a request does not say; null where the file does not say either.</summary>
    public float? Guidance { get; }

    /// <summary>The sizes of the training's pictures; null without a section of our own.</summary>
    public TrainedSizes? TrainedSizes { get; }

    /// <summary>Full path of the folder with the parts that this one lacks; null where it has all of its own.</summary>
    public string? SharedParts { get; }

    /// <summary>Whether the folder has the file.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads the file of a folder; one without is an index that says nothing.</summary>
    /// <exception cref="ModelFormatException">The file is broken, is of another kind of model, or names shared parts that are not there.</exception>
    public static ModelIndex Read(string folder) => new(folder, IsIn(folder) ? ConfigReader.Open(Path.Combine(folder, FileName)) : null);

    /// <summary>
    /// The folder of a part: the checkpoint's own, else the one of the shared parts. What the checkpoint has itself always wins, and the shared
    /// folder's own index is not followed, so that nothing can go round in circles.
    /// </summary>
    public string FolderOf(string folder, string part)
    {
        string own = Path.Combine(folder, part);
        return SharedParts is null || Directory.Exists(own) ? own : Path.Combine(SharedParts, part);
    }

    /// <summary>A downloaded checkpoint must not reach into the file system: only a plain name is taken, of a folder beside the checkpoint.</summary>
    private static string Beside(string folder, string name, ConfigReader own)
    {
        bool plain = name.Length > 0 && name is not ("." or "..")
            && name.AsSpan().IndexOfAny("/\\:") < 0 && name.AsSpan().IndexOfAny(Path.GetInvalidFileNameChars()) < 0;
        if (!plain)
        {
            throw own.Error("shared_parts", $"is '{SafetensorsHeader.Show(name)}'; expected is the plain name of a folder beside this one");
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        string shared = Path.Combine(Path.GetDirectoryName(full) ?? full, name);
        return Directory.Exists(shared)
            ? shared
            : throw own.Error(
                "shared_parts",
                $"is '{SafetensorsHeader.Show(name)}', and there is no folder '{shared}'",
                $"This checkpoint takes its other parts from '{name}': put that folder beside it.");
    }
}
