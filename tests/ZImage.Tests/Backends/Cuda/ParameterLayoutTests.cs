using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using NUnit.Framework;
using ZImage.Backends.Cuda;
using ZImage.Tests.Support;

namespace ZImage.Tests.Backends.Cuda;

/// <summary>Parameter structs have one size on both sides: what the kernel file asserts is what the host half has.</summary>
public sealed partial class ParameterLayoutTests
{
    private static readonly Dictionary<string, Type> HostStructs = typeof(CudaBackend).Assembly.GetTypes()
        .Where(type => type is { IsValueType: true, IsPrimitive: false } && type.Namespace == typeof(CudaBackend).Namespace && type.Name.EndsWith("Params", StringComparison.Ordinal))
        .ToDictionary(type => type.Name);

    [Test]
    public void Every_struct_that_a_kernel_takes_has_the_size_that_its_file_asserts()
    {
        Dictionary<string, int> asserted = Asserted();
        List<string> faults = [];
        foreach ((string name, Type type) in HostStructs)
        {
            if (!asserted.TryGetValue(name, out int expected))
            {
                faults.Add($"{name}: no kernel file asserts its size");
            }
            else if (SizeOf(type) != expected)
            {
                faults.Add($"{name}: {SizeOf(type)} bytes on the host, {expected} on the device");
            }
            else if (type.StructLayoutAttribute?.Value != System.Runtime.InteropServices.LayoutKind.Sequential)
            {
                faults.Add($"{name}: its layout is not sequential");
            }
        }

        faults.AddRange(asserted.Keys.Except(HostStructs.Keys).Select(name => $"{name}: there is no such struct on the host"));
        Assert.That(faults, Is.Empty);
    }

    [Test]
    public void Every_kernel_takes_a_struct_whose_size_its_file_asserts()
    {
        Dictionary<string, int> asserted = Asserted();
        string[] faults =
        [
            .. from file in Repository.Sources("kernels", "*.cu")
               from Match entry in EntryPattern().Matches(File.ReadAllText(file))
               where !asserted.ContainsKey(entry.Groups[2].Value)
               select $"{Path.GetFileName(file)}: {entry.Groups[1].Value}({entry.Groups[2].Value})",
        ];
        Assert.That(faults, Is.Empty);
    }

    private static Dictionary<string, int> Asserted() =>
        (from pattern in new[] { "*.cu", "*.cuh" }
         from file in Repository.Sources("kernels", pattern)
         from Match match in SizePattern().Matches(File.ReadAllText(file))
         select (Name: match.Groups[1].Value, Size: int.Parse(match.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture)))
        .Where(pair => pair.Name.EndsWith("Params", StringComparison.Ordinal))
        .Distinct()
        .ToDictionary(pair => pair.Name, pair => pair.Size);

    private static int SizeOf(Type type) => (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf), BindingFlags.Public | BindingFlags.Static)!
        .MakeGenericMethod(type).Invoke(null, null)!;

    [GeneratedRegex(@"static_assert\(\s*sizeof\((\w+)\)\s*==\s*(\d+)")]
    private static partial Regex SizePattern();

    [GeneratedRegex(@"extern\s+""C""\s+__global__[^;{]*?(\w+)\(\s*const\s+__grid_constant__\s+(\w+)\s+\w+\s*\)")]
    private static partial Regex EntryPattern();
}
