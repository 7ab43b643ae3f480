using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ZImage.Native;

namespace ZImage.Backends.Cuda;

/// <summary>A batch item as the attention kernels take it; AttentionItem of common/attention.cuh.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionItem
{
    public int QueryStart;
    public int QueryCount;
    public int KeyStart;
    public int KeyCount;

    /// <summary>Query tiles of the items before this one; on Hopper, of all heads.</summary>
    public int FirstTile;
}

/// <summary>Parameters of attention.cu and attention_wide.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionParams
{
    /// <summary>Items that one launch takes.</summary>
    public const int MaxItems = 16;

    public nint Q;
    public nint K;
    public nint V;
    public nint Y;
    public ItemArray Items;
    public int ItemCount;
    public int HeadsPerKeyHead;
    public int HeadDim;
    public int Causal;
    public int QueryStride;
    public int KeyStride;
    public int ValueStride;
    public int OutputStride;

    /// <summary>log2(e) / sqrt(head_dim).</summary>
    public float Scale;
    public int Reserved;

    /// <summary>The items.</summary>
    [InlineArray(MaxItems)]
    public struct ItemArray
    {
        private AttentionItem first;
    }
}

/// <summary>Parameters of attention_sm90.cu.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct AttentionSm90Params
{
    /// <summary>Items that one launch takes.</summary>
    public const int MaxItems = 8;

    public CUtensorMap Q;

    /// <summary>One map an item, which ends with the item's keys: the kernel reads zeros past them.</summary>
    public MapArray K;
    public MapArray V;
    public ItemArray Items;
    public nint Y;
    public int ItemCount;
    public int TileCount;
    public int Heads;
    public int HeadsPerKeyHead;
    public int OutputStride;

    /// <summary>log2(e) / sqrt(head_dim).</summary>
    public float Scale;

    /// <summary>The maps.</summary>
    [InlineArray(MaxItems)]
    public struct MapArray
    {
        private CUtensorMap first;
    }

    /// <summary>The items.</summary>
    [InlineArray(MaxItems)]
    public struct ItemArray
    {
        private AttentionItem first;
    }
}
