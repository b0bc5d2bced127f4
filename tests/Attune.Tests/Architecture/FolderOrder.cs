using System.Reflection;
using System.Reflection.Emit;

namespace Attune.Tests.Architecture;

/// <summary>
/// The rule that a folder uses only folders with a smaller number, read from compiled code: what a type inherits, holds,
/// takes, returns, catches and calls. Constants are not seen, because the compiler copies them.
/// </summary>
internal sealed class FolderOrder(string rootNamespace, IReadOnlyList<string> folders)
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    /// <summary>Each violation once, as "Text.Reader uses Updates.PpoTrainer".</summary>
    public IReadOnlyList<string> Violations(Assembly assembly) =>
        assembly.GetTypes()
            .Where(type => NumberOf(type) >= 0)
            .SelectMany(type => UsedBy(type).Where(used => NumberOf(used) > NumberOf(type)).Select(used => $"{NameOf(type)} uses {NameOf(used)}"))
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ToList();

    /// <summary>The types under the root namespace that belong to none of the folders.</summary>
    public IReadOnlyList<string> Homeless(Assembly assembly) =>
        assembly.GetTypes()
            .Where(type => IsUnderRoot(type) && NumberOf(type) < 0)
            .Select(NameOf)
            .ToList();

    private static IEnumerable<Type> UsedBy(Type type)
    {
        var members = type.GetMembers(Declared);
        var methods = members.OfType<MethodBase>().ToList();
        return new[] { type.BaseType }
            .Concat(type.GetInterfaces())
            .Concat(AttributesOf(type))
            .Concat(type.GetGenericArguments().SelectMany(Constraints))
            .Concat(members.SelectMany(AttributesOf))
            .Concat(members.OfType<FieldInfo>().Select(field => field.FieldType))
            .Concat(methods.SelectMany(InSignature))
            .Concat(methods.SelectMany(InBody))
            .OfType<Type>()
            .SelectMany(Unwrap);
    }

    private static IEnumerable<Type> AttributesOf(MemberInfo member) =>
        member.GetCustomAttributesData().SelectMany(data =>
            data.ConstructorArguments.Select(argument => argument.Value).OfType<Type>().Append(data.AttributeType));

    private static IEnumerable<Type> InSignature(MethodBase method) =>
        method.GetParameters().Select(parameter => parameter.ParameterType)
            .Concat(method is MethodInfo { ReturnType: var result } ? [result] : [])
            .Concat(method.IsGenericMethod ? method.GetGenericArguments().SelectMany(Constraints) : []);

    private static Type[] Constraints(Type argument) => argument.IsGenericParameter ? argument.GetGenericParameterConstraints() : [];

    private static IEnumerable<Type?> InBody(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body)
            return [];
        return body.LocalVariables.Select(local => local.LocalType)
            .Concat(body.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause).Select(clause => clause.CatchType))
            .Concat(Tokens(body.GetILAsByteArray()!).SelectMany(token => Resolve(method, token)));
    }

    private static IEnumerable<Type?> Resolve(MethodBase from, int token)
    {
        var typeArguments = from.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        var methodArguments = from.IsGenericMethod ? from.GetGenericArguments() : null;
        return from.Module.ResolveMember(token, typeArguments, methodArguments) switch
        {
            Type used => [used],
            FieldInfo field => [field.DeclaringType, field.FieldType],
            MethodBase called => InSignature(called).Append(called.DeclaringType).Concat(called.IsGenericMethod ? called.GetGenericArguments() : []),
            _ => [],
        };
    }

    /// <summary>The metadata tokens of types, fields and methods in a method's instructions.</summary>
    private static IEnumerable<int> Tokens(byte[] code)
    {
        for (var at = 0; at < code.Length;)
        {
            var value = code[at] == 0xFE ? (short)(0xFE00 | code[at + 1]) : code[at];
            var operation = OpCodesByValue[value];
            at += operation.Size;
            if (operation.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
                yield return BitConverter.ToInt32(code, at);
            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    /// <summary>The type itself, what it is an array or reference of, and its generic arguments, to any depth.</summary>
    private static IEnumerable<Type> Unwrap(Type type)
    {
        var inner = type.HasElementType ? [type.GetElementType()!] : type.IsGenericType ? type.GetGenericArguments() : [];
        return inner.SelectMany(Unwrap).Prepend(type);
    }

    private int NumberOf(Type type)
    {
        for (var number = 0; number < folders.Count; number++)
        {
            var folder = $"{rootNamespace}.{folders[number]}";
            if (type.Namespace is { } space && (space == folder || space.StartsWith(folder + ".", StringComparison.Ordinal)))
                return number;
        }

        return -1;
    }

    private bool IsUnderRoot(Type type) =>
        type.Namespace is { } space && (space == rootNamespace || space.StartsWith(rootNamespace + ".", StringComparison.Ordinal));

    private string NameOf(Type type)
    {
        var outermost = type;
        while (outermost.DeclaringType is { } outer) // closures and nested types: what a reader looks for is the type around them
            outermost = outer;
        return $"{outermost.Namespace}.{outermost.Name}"[(rootNamespace.Length + 1)..];
    }
}
