using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>A tensor of a checkpoint as a model constructor may ask for it: where it comes from, and the view of it.</summary>
/// <param name="Source">File name and, where the model's name differs, the name in the file; for messages.</param>
/// <param name="TypeName">The stored type as the file spells it.</param>
/// <param name="Shape">The extents.</param>
/// <param name="View">The elements; empty where the type is not one that this engine reads.</param>
internal sealed record StoredTensor(string Source, string TypeName, Shape Shape, Tensor View)
{
    /// <summary>The tensor of an opened file.</summary>
    public static StoredTensor From(SafetensorsFile file, SafetensorsEntry entry) => new(
        Path.GetFileName(file.Path), entry.TypeName, entry.Shape, entry.Type is null ? default : file.View(entry));

    /// <summary>A tensor that comes from no file, as tests and synthetic checkpoints make them.</summary>
    public static StoredTensor From(Tensor tensor) => new("memory", SafetensorsTypes.Name(tensor.DType), tensor.Shape, tensor);

    /// <summary>The entries <paramref name="start"/> .. <paramref name="start"/> + <paramref name="count"/> of the first dimension; nothing is copied.</summary>
    public StoredTensor Rows(int start, int count)
    {
        int[] extents = Shape.ToArray();
        extents[0] = count;
        return this with { Shape = new Shape(extents), View = View.IsEmpty ? default : View.Slice(start, count) };
    }

    /// <summary>The same tensor, remembering the name it has in its file.</summary>
    public StoredTensor Named(string storedName) => this with { Source = $"{Source}: {SafetensorsHeader.Show(storedName)}" };
}
