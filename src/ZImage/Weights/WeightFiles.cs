namespace ZImage.Weights;

/// <summary>
/// The weight files of one part of a checkpoint, opened as one set of tensors. The tensors live as long as this object, and so does
/// everything a backend placed without copying: it is disposed after the model that was built from it.
/// </summary>
internal sealed class WeightFiles : IDisposable
{
    private const int ShownNames = 5;

    private readonly List<SafetensorsFile> files = [];
    private readonly Dictionary<string, StoredTensor> tensors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsFile> origins = new(StringComparer.Ordinal);

    private WeightFiles(string path) => Location = path;

    /// <summary>The folder or file it was opened from.</summary>
    public string Location { get; }

    /// <summary>The opened files.</summary>
    public IReadOnlyList<SafetensorsFile> Files => files;

    /// <summary>Every tensor under the name it has in its file; those that the index does not name are here too.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => tensors;

    /// <summary>
    /// Opens the weights in a part's folder: <c>&lt;name&gt;.safetensors.index.json</c> with its shards, else
    /// <c>&lt;name&gt;.safetensors</c>, else the only .safetensors file there is, whatever it is called.
    /// </summary>
    /// <param name="folder">Such as <c>transformer/</c>.</param>
    /// <param name="name"><c>diffusion_pytorch_model</c> or <c>model</c>.</param>
    /// <exception cref="ModelFormatException">No weights, several candidates, a missing shard, or an index that disagrees with the shards.</exception>
    public static WeightFiles OpenFolder(string folder, string name)
    {
        string index = Path.Combine(folder, name + ".safetensors.index.json");
        if (File.Exists(index))
        {
            return OpenShards(folder, ShardIndex.Open(index));
        }

        string single = Path.Combine(folder, name + ".safetensors");
        return OpenFile(File.Exists(single) ? single : TheOnlyFile(folder, name));
    }

    /// <summary>Opens a single file.</summary>
    /// <inheritdoc cref="SafetensorsFile.Open(string)" path="/exception"/>
    public static WeightFiles OpenFile(string path)
    {
        WeightFiles weights = new(path);
        weights.Add(SafetensorsFile.Open(path), null);
        return weights;
    }

    /// <summary>The file that holds the tensor stored under <paramref name="name"/>.</summary>
    public SafetensorsFile FileOf(string name) => origins[name];

    /// <summary>Unmaps all files.</summary>
    public void Dispose()
    {
        foreach (SafetensorsFile file in files)
        {
            file.Dispose();
        }
    }

    private static WeightFiles OpenShards(string folder, ShardIndex index)
    {
        WeightFiles weights = new(folder);
        try
        {
            foreach (IGrouping<string, string> shard in index.FileOf.GroupBy(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
            {
                string path = Path.Combine(folder, shard.Key);
                if (!File.Exists(path))
                {
                    throw new ModelFormatException(
                        $"{path}: this shard is missing; by {Path.GetFileName(index.Path)} it holds {List(shard)}.",
                        "The download is incomplete; fetch the missing file.");
                }

                weights.Add(SafetensorsFile.Open(path), index);
            }

            foreach (IGrouping<string, string> shard in index.FileOf.Where(pair => !weights.tensors.ContainsKey(pair.Key)).GroupBy(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal))
            {
                throw new ModelFormatException(
                    $"{Path.Combine(folder, shard.Key)}: by {Path.GetFileName(index.Path)} the shard holds {List(shard)}, but it does not.",
                    "Index and shards come from different versions of the model; fetch all of them again.");
            }

            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    private void Add(SafetensorsFile file, ShardIndex? index)
    {
        files.Add(file);
        string fileName = Path.GetFileName(file.Path);
        foreach (SafetensorsEntry entry in file.Entries)
        {
            // A copy in another shard than the index says is not the one to use.
            if (index is not null && index.FileOf.TryGetValue(entry.Name, out string? home) && home != fileName)
            {
                continue;
            }

            if (!tensors.TryAdd(entry.Name, StoredTensor.From(file, entry)))
            {
                throw new ModelFormatException(
                    $"{file.Path}: tensor '{SafetensorsHeader.Show(entry.Name)}' is also in {FileOf(entry.Name).Path}, and the index names neither.",
                    "Fetch the index again, or delete the file that does not belong here.");
            }

            origins.Add(entry.Name, file);
        }
    }

    private static string TheOnlyFile(string folder, string name)
    {
        string[] found;
        string[] others;
        try
        {
            found = Directory.GetFiles(folder, "*.safetensors");
            others = [.. Directory.GetFiles(folder).Select(Path.GetFileName).Where(IsOtherFormat).Select(file => file!).Order(StringComparer.Ordinal)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException($"{folder}: the folder cannot be read: {exception.Message}", "Check the path and the permissions.", exception);
        }

        if (found.Length == 1)
        {
            return found[0];
        }

        string expected = $"Expected are {name}.safetensors, {name}.safetensors.index.json with its shards, or one .safetensors file of any name.";
        throw found.Length > 1
            ? new ModelFormatException(
                $"{folder}: there are {found.Length} .safetensors files and no {name}.safetensors.index.json: {List(found.Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal))}.",
                expected)
            : new ModelFormatException(
                $"{folder}: there are no .safetensors files{(others.Length > 0 ? $", only {List(others)}" : "")}.",
                others.Length > 0 ? $"Other formats are not supported: convert the weights. {expected}" : $"The download is incomplete. {expected}");
    }

    private static bool IsOtherFormat(string? file) => Path.GetExtension(file) is ".bin" or ".gguf" or ".pt" or ".pth" or ".ckpt" or ".onnx";

    private static string List(IEnumerable<string> names)
    {
        string[] all = [.. names];
        string shown = string.Join(", ", all.Take(ShownNames).Select(SafetensorsHeader.Show));
        return all.Length > ShownNames ? $"{shown} and {all.Length - ShownNames} more" : shown;
    }
}
