using System.Runtime.CompilerServices;

namespace ZImage.Tensors;

/// <summary>The extents of a tensor, outermost first; rank 0 to 5, every extent at least 0.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The largest rank.</summary>
    public const int MaxRank = 5;

    [InlineArray(MaxRank)]
    private struct Extents
    {
        private int first;
    }

    private readonly Extents extents;

    /// <summary>Creates a shape from its extents.</summary>
    /// <exception cref="ArgumentException">More than <see cref="MaxRank"/> extents, or a negative one.</exception>
    public Shape(params ReadOnlySpan<int> extents)
    {
        if (extents.Length > MaxRank)
        {
            throw new ArgumentException($"A shape has at most {MaxRank} dimensions, not {extents.Length}.", nameof(extents));
        }

        Rank = extents.Length;
        for (int i = 0; i < extents.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extents[i], nameof(extents));
            this.extents[i] = extents[i];
        }
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Extent of dimension <paramref name="index"/>; a negative index counts from the end.</summary>
    public int this[int index]
    {
        get
        {
            int i = index < 0 ? Rank + index : index;
            if ((uint)i >= (uint)Rank)
            {
                throw new ArgumentOutOfRangeException(nameof(index), index, $"The shape {this} has {Rank} dimensions.");
            }

            return extents[i];
        }
    }

    /// <summary>Number of elements; 1 for rank 0.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            for (int i = 0; i < Rank; i++)
            {
                count = checked(count * extents[i]);
            }

            return count;
        }
    }

    /// <summary>Whether two shapes have the same rank and extents.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (Rank != other.Rank)
        {
            return false;
        }

        for (int i = 0; i < Rank; i++)
        {
            if (extents[i] != other.extents[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        for (int i = 0; i < Rank; i++)
        {
            hash.Add(extents[i]);
        }

        return hash.ToHashCode();
    }

    /// <summary>The extents as an array.</summary>
    public int[] ToArray()
    {
        int[] result = new int[Rank];
        for (int i = 0; i < Rank; i++)
        {
            result[i] = extents[i];
        }

        return result;
    }

    /// <summary>For example <c>[2, 16, 64, 64]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", ToArray())}]";
}
