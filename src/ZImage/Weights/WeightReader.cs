using System.Text;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>
/// Hands the tensors of one part to a model constructor and keeps account of them. A constructor asks for everything it needs, calls
/// <see cref="Finish"/>, and only then places tensors on a backend: so a broken checkpoint is told in one error that names every fault,
/// before any time is spent.
/// </summary>
/// <remarks>A tensor that is missing or wrong comes back as the empty tensor (<see cref="Tensor.IsEmpty"/>); <see cref="Finish"/> throws for it.</remarks>
internal sealed class WeightReader
{
    private const int ShownPerKind = 20;

    private readonly string part;
    private readonly IReadOnlyDictionary<string, StoredTensor> tensors;
    private readonly HashSet<string> used = new(StringComparer.Ordinal);
    private readonly List<string> ignored = [];
    private readonly List<(string Name, Shape Shape)> missing = [];
    private readonly List<string> misshapen = [];
    private readonly List<string> unsupported = [];

    /// <summary>Reads from <paramref name="tensors"/>, already under the names the model uses (see <see cref="NameMap"/>).</summary>
    /// <param name="part">What messages call it: the part and where it comes from.</param>
    /// <param name="tensors">Name to tensor.</param>
    public WeightReader(string part, IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        this.part = part;
        this.tensors = tensors;
    }

    /// <summary>Reads from tensors in memory.</summary>
    /// <inheritdoc cref="WeightReader(string, IReadOnlyDictionary{string, StoredTensor})"/>
    public static WeightReader FromTensors(string part, IReadOnlyDictionary<string, Tensor> tensors) =>
        new(part, tensors.ToDictionary(pair => pair.Key, pair => StoredTensor.From(pair.Value), StringComparer.Ordinal));

    /// <summary>What was asked for and is not there, in the order of asking. Over a part without tensors: everything that the model needs.</summary>
    public IReadOnlyList<(string Name, Shape Shape)> Missing => missing;

    /// <summary>Whether the part holds a tensor of this name, of whatever shape and type.</summary>
    public bool Has(string name) => tensors.ContainsKey(name);

    /// <summary>The tensor called <paramref name="name"/> with exactly this shape, in F32, F16 or BF16, on the host; empty where there is a problem.</summary>
    public Tensor Require(string name, params ReadOnlySpan<int> shape)
    {
        if (!tensors.ContainsKey(name))
        {
            missing.Add((name, new Shape(shape)));
            return default;
        }

        return Read(name, new Shape(shape));
    }

    /// <summary>Like <see cref="Require"/>, but an absent tensor is no problem: it comes back empty.</summary>
    public Tensor Optional(string name, params ReadOnlySpan<int> shape) => tensors.ContainsKey(name) ? Read(name, new Shape(shape)) : default;

    /// <summary>Tensors of this name, or whose names start with it, are known and not needed.</summary>
    /// <param name="nameOrPrefix">A whole name, or the start of names, such as <c>siglip_</c> or <c>layers.35.</c>.</param>
    public void Ignore(string nameOrPrefix)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPrefix);
        ignored.Add(nameOrPrefix);
    }

    /// <summary>Closes the account.</summary>
    /// <param name="allowUnknown">Whether tensors that nobody asked for are returned instead of being an error.</param>
    /// <returns>The names of the tensors that nobody asked for.</returns>
    /// <exception cref="ModelFormatException">Tensors are missing, have another shape or an unsupported type, or are unknown and not allowed; all are named (the first 20 of each kind).</exception>
    public IReadOnlyList<string> Finish(bool allowUnknown)
    {
        List<string> unknown = [];
        foreach (string name in tensors.Keys)
        {
            if (!used.Contains(name) && !ignored.Exists(prefix => name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                unknown.Add(name);
            }
        }

        unknown.Sort(StringComparer.Ordinal);
        bool broken = missing.Count + misshapen.Count + unsupported.Count > 0;
        if (!broken && (allowUnknown || unknown.Count == 0))
        {
            return unknown;
        }

        StringBuilder message = new($"{part}: the weights do not fit the model.");
        Append(message, "missing", [.. missing.Select(tensor => $"{tensor.Name} {tensor.Shape}")]);
        Append(message, "of another shape", misshapen);
        Append(message, "of an unsupported type", unsupported);
        Append(message, "unknown", [.. unknown.Select(name => $"{SafetensorsHeader.Show(name)} ({tensors[name].Source})")]);
        throw new ModelFormatException(message.ToString(), Hint(unknown.Count));
    }

    private Tensor Read(string name, Shape expected)
    {
        used.Add(name);
        StoredTensor tensor = tensors[name];
        if (tensor.Shape != expected)
        {
            misshapen.Add($"{name}: expected {expected}, found {tensor.Shape} ({tensor.Source})");
            return default;
        }

        if (tensor.View.IsEmpty || !tensor.View.DType.IsWeightType())
        {
            unsupported.Add($"{name}: {tensor.TypeName} ({tensor.Source})");
            return default;
        }

        return tensor.View;
    }

    private string Hint(int unknown)
    {
        if (missing.Count + misshapen.Count > 0)
        {
            return "The weights and the config.json belong to different models, or the checkpoint has a layout that is not supported.";
        }

        return unsupported.Count > 0
            ? "Use the checkpoint in BF16, F16 or F32."
            : $"The model would ignore {(unknown == 1 ? "this tensor" : "these tensors")}. If that is intended, allow unknown tensors (--allow-unknown-tensors).";
    }

    private static void Append(StringBuilder message, string kind, List<string> names)
    {
        if (names.Count == 0)
        {
            return;
        }

        message.Append($"\n  {names.Count} {kind}:");
        foreach (string name in names.Take(ShownPerKind))
        {
            message.Append($"\n    {name}");
        }

        if (names.Count > ShownPerKind)
        {
            message.Append($"\n    and {names.Count - ShownPerKind} more");
        }
    }
}
