using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;
using ZImage.Tests.Support;

namespace ZImage.Tests.Architecture;

/// <summary>Dependencies point down only: Cli, engine, Native; models know the backend's interface and tensors, nothing below them.</summary>
public sealed partial class DependencyTests
{
    private static readonly string[] ModelNamespaces = ["ZImage.Text", "ZImage.Dit", "ZImage.Vae", "ZImage.Sampling"];

    [Test]
    public void Native_references_the_base_class_library_only()
    {
        string[] references = References("ZImage.Native");
        Assert.That(references, Is.All.StartsWith("System").Or.EqualTo("netstandard"));
    }

    [Test]
    public void The_engine_references_Native_and_two_libraries_and_never_the_tool()
    {
        string[] references = [.. References("ZImage.Engine").Where(name => !name.StartsWith("System.", StringComparison.Ordinal) || name == "System.Numerics.Tensors")];
        Assert.That(references, Is.SubsetOf(new[] { "ZImage.Native", "System.Numerics.Tensors", "StbImageSharp" }));
    }

    [Test]
    public void Model_types_never_hold_or_take_a_concrete_backend()
    {
        Type[] types = typeof(ZImagePipeline).Assembly.GetTypes();
        const BindingFlags All = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        string[] faults =
        [
            .. from type in types
               where ModelNamespaces.Contains(type.Namespace)
               from used in type.GetFields(All).Select(field => field.FieldType)
                   .Concat(type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)).SelectMany(Used))
               where used.Namespace is { } name && (name.StartsWith("ZImage.Backends.", StringComparison.Ordinal) || name.StartsWith("ZImage.Native", StringComparison.Ordinal))
               select $"{type} uses {used}",
        ];
        Assert.That(faults, Is.Empty);

        static IEnumerable<Type> Used(MethodBase method) =>
            method.GetParameters().Select(parameter => parameter.ParameterType)
                .Concat(method.GetMethodBody()?.LocalVariables.Select(local => local.LocalType) ?? []);
    }

    [Test]
    public void Model_sources_mention_no_console_and_no_concrete_backend()
    {
        string source = Path.Combine(Repository.Root, "src", "ZImage");
        string[] faults =
        [
            .. from folder in ModelNamespaces.Select(name => name["ZImage.".Length..])
               from file in Directory.EnumerateFiles(Path.Combine(source, folder), "*.cs")
               where Forbidden().IsMatch(File.ReadAllText(file))
               select Path.GetFileName(file),
        ];
        Assert.That(faults, Is.Empty);
    }

    [Test]
    public void Only_the_tool_writes_to_the_console()
    {
        string[] faults =
        [
            .. from project in new[] { "ZImage", "ZImage.Native" }
               from file in Repository.Sources(Path.Combine("src", project), "*.cs")
               where ConsoleUse().IsMatch(File.ReadAllText(file))
               select Path.GetFileName(file),
        ];
        Assert.That(faults, Is.Empty);
    }

    [Test]
    public void No_source_file_is_longer_than_the_house_allows()
    {
        string[] faults =
        [
            .. from pattern in new[] { ("*.cs", 400), ("*.cu", 600), ("*.cuh", 600) }
               from folder in new[] { "src", "tests", "kernels" }
               from file in Repository.Sources(folder, pattern.Item1)
               let lines = File.ReadLines(file).Count()
               where lines > pattern.Item2
               select $"{Path.GetFileName(file)}: {lines}",
        ];
        Assert.That(faults, Is.Empty);
    }

    private static string[] References(string assembly) =>
        [.. Assembly.Load(assembly).GetReferencedAssemblies().Select(reference => reference.Name!)];

    [GeneratedRegex(@"\bConsole\.|Backends\.(Cpu|Cuda)|\b(Cpu|Cuda)Backend\b")]
    private static partial Regex Forbidden();

    [GeneratedRegex(@"\bConsole\.(Write|Error|Out|Read)")]
    private static partial Regex ConsoleUse();
}
