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
        Location = files.Location;
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

    /// <summary>A part without files.</summary>
    /// <param name="part">Folder name of the part, for messages.</param>
    /// <param name="location">Where it comes from, for messages.</param>
    /// <param name="tensors">Under the names the model uses; their storage is disposed with this object.</param>
    public PartWeights(string part, string location, IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        Part = part;
        Location = location;
        Tensors = tensors;
    }

    /// <summary>Folder name of the part.</summary>
    public string Part { get; }

    /// <summary>The folder or file it was opened from, or the name of what it was made from.</summary>
    public string Location { get; }

    /// <summary>The files; null for a part without.</summary>
    public WeightFiles? Files { get; }

    /// <summary>Name in the model to tensor.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    /// <summary>Size of all files in bytes; of the tensors where there are no files.</summary>
    public long FileBytes => Files?.Files.Sum(file => file.FileBytes) ?? Tensors.Values.Sum(tensor => tensor.View.Bytes);

    /// <summary>A reader for one model constructor.</summary>
    public WeightReader CreateReader() => new($"{Part} ({Location})", Tensors);

    /// <summary>Unmaps the files, or frees the tensors.</summary>
    public void Dispose()
    {
        if (Files is not null)
        {
            Files.Dispose();
            return;
        }

        foreach (StoredTensor tensor in Tensors.Values)
        {
            tensor.View.Storage.Dispose();
        }
    }
}
