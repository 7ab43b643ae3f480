using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>What the header of a safetensors file says about one tensor.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="TypeName">The type as the file spells it, such as <c>BF16</c> or <c>F8_E4M3</c>.</param>
/// <param name="Type">The type, or null for a type that the format knows and this engine does not read.</param>
/// <param name="Shape">The extents, outermost first.</param>
/// <param name="Offset">First byte, counted from the start of the file. It need not be a multiple of the element size.</param>
/// <param name="Bytes">Size of the elements in bytes.</param>
public sealed record SafetensorsEntry(string Name, string TypeName, DType? Type, Shape Shape, long Offset, long Bytes);

/// <summary>The element types of the safetensors format.</summary>
internal static class SafetensorsTypes
{
    /// <summary>Bits of one element and the engine's type for it; false for a name that the format does not know.</summary>
    public static bool TryGet(string name, out int bits, out DType? type)
    {
        (bits, type) = name switch
        {
            "F64" => (64, DType.F64),
            "F32" => (32, DType.F32),
            "F16" => (16, DType.F16),
            "BF16" => (16, DType.BF16),
            "I64" => (64, DType.I64),
            "I32" => (32, DType.I32),
            "I16" => (16, DType.I16),
            "I8" => (8, DType.I8),
            "U8" => (8, DType.U8),
            "BOOL" => (8, DType.Bool),
            "C64" or "U64" => (64, null),
            "U32" => (32, null),
            "U16" => (16, null),
            "F8_E4M3" or "F8_E5M2" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => (8, null),
            "F6_E2M3" or "F6_E3M2" => (6, null),
            "F4" => (4, null),
            _ => (0, (DType?)null),
        };
        return bits > 0;
    }

    /// <summary>The format's name of <paramref name="type"/>.</summary>
    public static string Name(DType type) => type == DType.Bool ? "BOOL" : type.ToString();
}
