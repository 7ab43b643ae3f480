namespace ZImage.Tensors;

/// <summary>Float32 values with a shape in managed memory: what crosses the public API.</summary>
public sealed class HostTensor
{
    /// <summary>Wraps <paramref name="values"/>.</summary>
    /// <exception cref="ArgumentException">The shape has another number of elements.</exception>
    public HostTensor(float[] values, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Length != shape.Count)
        {
            throw new ArgumentException($"{values.Length} values do not fill {shape}.", nameof(values));
        }

        Values = values;
        Shape = shape;
    }

    /// <summary>The elements, row-major.</summary>
    public float[] Values { get; }

    /// <summary>The extents, outermost first.</summary>
    public Shape Shape { get; }
}
