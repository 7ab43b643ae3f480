namespace ZImage.Weights;

/// <summary>The opened weights of one part under the names its model uses. Disposed after the model that was built from them.</summary>
internal sealed class PartWeights : IDisposable
{
    /// <summary>Takes over <paramref name="files"/> and maps their names.</summary>
    /// <param name="part">Folder name of the part, for messages.</param>
    /// <param name="files">The opened files; disposed here if the names cannot be mapped.</param>
    /// <param name="map">From the stored names to the model's; null where they are the same.</param>
    public PartWeights(string part, WeightFiles files, Func<IReadOnlyDictionary<string, StoredTensor>, IReadOnlyDictionary<string, StoredTensor>>? map = null)
    {
        Part = part;
        Files = files;
        try
        {
            Tensors = map is null ? files.Tensors : map(files.Tensors);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Folder name of the part.</summary>
    public string Part { get; }

    /// <summary>The files.</summary>
    public WeightFiles Files { get; }

    /// <summary>Name in the model to tensor.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Size of all files in bytes.</summary>
    public long FileBytes => Files.Files.Sum(file => file.FileBytes);

    /// <summary>A reader for one model constructor.</summary>
    public WeightReader CreateReader() => new($"{Part} ({Files.Location})", Tensors);

    /// <summary>Unmaps the files.</summary>
    public void Dispose() => Files.Dispose();
}
